"""A crisis from a device that nobody has on loan pages, whoever measured it; nothing else of such a device does."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database
from tests.flows.clinic import make_clinic, tick
from tests.flows.test_reading import NOW, bp, publish, send
from tests.world import World

NEVER_LENT = "DELETE FROM loan"


@pytest.mark.parametrize(
    ("systolic", "measured_at", "expected"),
    [
        (192, NOW, "high"),
        (179, NOW, None),
        (24.7, NOW, "high"),  # in kPa it is 185 mm[Hg]: doubt is judged under each meaning
        (192, NOW - timedelta(days=2), None),
    ],
)
async def test_only_a_crisis_of_today_is_an_alarm_that_pages(
    world: World, owner: Any, bridge_db: Database, worker_db: Database, systolic: float, measured_at: datetime,
    expected: str | None,
) -> None:  # fmt: skip
    await make_clinic(owner, world)
    await owner.execute("UPDATE programme SET code = 'general'")
    await owner.execute(NEVER_LENT)
    await send(bridge_db, publish(world, bp(1, systolic, systolic / 1.5, at=measured_at)))
    alarm = await owner.fetchval("SELECT severity FROM alarm WHERE kind = 'unassigned_crisis'")
    assert alarm == expected
    assert await owner.fetchval("SELECT count(*) FROM held WHERE reason = 'unassigned'") == 1
    await tick(worker_db, NOW)
    pages = await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'")
    assert pages == (1 if expected else 0)
