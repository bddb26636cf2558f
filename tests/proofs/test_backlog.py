"""Twenty hubs with old readings at once: the one live high is seen in time, and the old ones are calm."""

from typing import Any

import pytest

from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.proofs import backlog, street

SEED, PER_HUB = 20261122, 5000


@pytest.mark.slow
async def test_old_readings_of_twenty_hubs_neither_page_nor_hide_a_live_crisis(
    owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    async with street.bridge_process(on_broker, owner):
        result = await backlog.run(on_broker, broker, owner, PER_HUB, SEED)
    for name, figure in result["checks"].items():
        print(f"seed {SEED}: {figure['broken']} of {figure['of']} {name}")
    assert {name: figure for name, figure in result["checks"].items() if figure["broken"]} == {}
