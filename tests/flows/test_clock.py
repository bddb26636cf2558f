"""A device with a wrong clock: its readings keep a true time, staff hear of it once, and a crisis pages all the same."""

from datetime import timedelta
from typing import Any

import pytest

from devices.status import Status
from server.db.pool import Database
from server.flows import clock
from tests.flows.test_reading import BRIDGE, NOW, bp, count, publish, send
from tests.world import World

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


async def times(owner: Any) -> list[tuple[Any, ...]]:
    rows = await owner.fetch("SELECT measured_at, clock_basis, flags FROM reading ORDER BY received_at, measured_at")
    return [tuple(row) for row in rows]


async def test_a_fast_clock_is_found_by_its_first_reading_and_corrects_the_next(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 120, at=NOW + 3 * HOUR)))
    later = NOW + 10 * MINUTE
    await send(bridge_db, publish(world, bp(2, 121, at=later + 3 * HOUR - 5 * MINUTE)), now=later)
    assert await times(owner) == [
        (NOW, "received", ["clock_ahead"]), (later - 5 * MINUTE, "corrected", ["clock_corrected"]),
    ]  # fmt: skip
    alarms = await owner.fetch("SELECT kind, severity, status, seen_count FROM alarm")
    assert [tuple(row) for row in alarms] == [("clock", "low", "open", 1)]


async def test_a_clock_days_ahead_holds_one_reading_and_no_more(world: World, owner: Any, bridge_db: Database) -> None:
    for n in range(4):
        at = NOW + n * MINUTE
        await send(bridge_db, publish(world, bp(n + 1, 120, at=at + 40 * DAY)), now=at)
    assert await count(owner, "held", "reason = 'future_time'") == 1
    assert [row[:2] for row in await times(owner)] == [(NOW + n * MINUTE, "corrected") for n in (1, 2, 3)]


async def test_a_slow_clock_told_by_status_keeps_a_live_crisis_live(
    world: World, owner: Any, bridge_db: Database
) -> None:
    async with bridge_db.transaction(BRIDGE) as db:
        await clock.hear(db, [(world.device, Status(clock=(NOW - 2 * DAY).isoformat()))], NOW)
    await send(bridge_db, publish(world, bp(1, 192, 124, at=NOW + MINUTE - 2 * DAY)), now=NOW + MINUTE)
    assert await times(owner) == [(NOW + MINUTE, "corrected", ["clock_corrected"])]
    assert await owner.fetchval("SELECT age FROM alert") == "live"
    assert await count(owner, "message", "purpose = 'page'") == 1


@pytest.mark.parametrize("wrong", [3 * HOUR, 40 * DAY, timedelta(days=-30 * 365)])
async def test_a_crisis_with_a_wrong_clock_pages_at_once(
    world: World, owner: Any, bridge_db: Database, wrong: timedelta
) -> None:
    await send(bridge_db, publish(world, bp(1, 192, 124, at=NOW + wrong)))
    assert tuple(await owner.fetchrow("SELECT age, severity FROM alert")) == ("live", "high")
    assert await count(owner, "message", "purpose = 'page'") == 1


async def test_a_backlog_of_a_fast_clock_is_late_and_teaches_nothing(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 192, 124, at=NOW + 3 * HOUR, backlog=True)))
    assert await owner.fetchval("SELECT age FROM alert") == "late"
    assert await count(owner, "device_clock") == 0


async def test_a_repetition_teaches_nothing(world: World, owner: Any, bridge_db: Database) -> None:
    once = publish(world, bp(1, 120, at=NOW + 3 * HOUR))
    for n in range(5):
        await send(bridge_db, once, now=NOW + n * HOUR)
    assert await owner.fetchval("SELECT skew_seconds FROM device_clock") == -3 * 3600
    assert await owner.fetchval("SELECT jsonb_array_length(lags) FROM device_clock") == 1
