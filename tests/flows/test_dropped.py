"""A broker that drops messages does not do so in silence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.flows import dropped
from tests.world import World


@pytest.mark.parametrize(
    ("heard", "rose"),
    [
        ([b"7"], [True]),
        ([b"0", b"0", b"3", b"3"], [False, False, True, False]),
        ([b"9", b"0", b"1"], [True, False, True]),
        ([b"1", b"nonsense", b"1"], [True, False, False]),
    ],
)
def test_only_a_counter_that_rises_is_trouble(heard: list[bytes], rose: list[bool]) -> None:
    drops = dropped.Drops()
    assert [drops.grew([counter]) for counter in heard] == rose


async def test_every_organization_is_told_once(
    world: World, other_world: World, owner: Any, bridge_db: Database
) -> None:
    for _ in range(2):
        async with bridge_db.transaction(Who(principal="service:bridge")) as db:
            await dropped.alarm(db, datetime.now(UTC))
    rows = await owner.fetch("SELECT organization_id, severity, seen_count FROM alarm WHERE kind = 'broker_drops'")
    assert {tuple(row) for row in rows} == {(world.organization, "high", 2), (other_world.organization, "high", 2)}
