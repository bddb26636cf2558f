"""The short form of the campaign in bench/chaos.py: a bad provider, killed workers, and nothing twice, late or lost."""

from pathlib import Path

import pytest

from bench.chaos import SHORT, campaign
from server.settings import Settings
from tests.world import World


@pytest.mark.slow
async def test_through_a_bad_provider_and_killed_workers_no_reminder_is_lost_doubled_or_unwanted(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    found = await campaign(world, settings, tmp_path, SHORT)
    for name, figure in found["checks"].items():
        print(f"{figure['broken']} of {figure['of']} {name}")
    print(f"seed {found['seed']}: {found['kills_with_work_left']} of {found['kills']} kills with work left")
    assert {name: figure for name, figure in found["checks"].items() if figure["broken"]} == {}
    assert found["kills_with_work_left"] > 0
