"""A low battery is told before the device falls silent, once, and ends by itself."""

from datetime import timedelta
from typing import Any

import pytest

from server.db.pool import Database
from server.flows import battery
from tests.flows.clinic import WORKER
from tests.flows.test_reading import NOW, bp, publish, send
from tests.world import World


async def charge(owner: Any, world: World, percent: int | None) -> None:
    await owner.execute("UPDATE device_state SET battery_pct = $2 WHERE device_id = $1", world.device, percent)


async def standing(owner: Any) -> list[tuple[str, str]]:
    rows = await owner.fetch(
        "SELECT severity, subject FROM alarm WHERE kind = 'device_battery' AND status <> 'resolved'"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(("percent", "severity"), [(16, None), (15, "low"), (6, "low"), (5, "medium"), (0, "medium")])
async def test_low_and_nearly_empty_are_told_apart(
    world: World, owner: Any, worker_db: Database, percent: int, severity: str | None
) -> None:
    await charge(owner, world, percent)
    await battery.watch(worker_db, WORKER, NOW)
    assert await standing(owner) == ([(severity, world.device)] if severity else [])


async def test_it_stands_until_the_battery_is_well_and_does_not_flicker(
    world: World, owner: Any, worker_db: Database
) -> None:
    changes = []
    for percent in (14, 14, 18, 29, 4, 4, 30, 30):
        await charge(owner, world, percent)
        changes.append(await battery.watch(worker_db, WORKER, NOW))
    assert [bool(one) for one in changes][-2:] == [True, False]
    assert await standing(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 1
    assert await owner.fetchval("SELECT severity FROM alarm") == "medium"


async def test_a_flag_on_a_reading_is_enough_and_is_forgotten_when_it_stops(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await send(bridge_db, publish(world, {**bp(1, 120, 80), "flags": ["low_battery"]}))
    await battery.watch(worker_db, WORKER, NOW)
    assert [severity for severity, _ in await standing(owner)] == ["low"]
    await battery.watch(worker_db, WORKER, NOW + timedelta(days=2, minutes=1))
    assert await standing(owner) == []


async def test_of_a_device_nobody_has_or_of_a_paused_patient_nobody_is_told(
    world: World, owner: Any, worker_db: Database
) -> None:
    await charge(owner, world, 3)
    await owner.execute("UPDATE patient SET monitoring_status = 'paused' WHERE id = $1", world.patient)
    await battery.watch(worker_db, WORKER, NOW)
    assert await standing(owner) == []
    await owner.execute("UPDATE patient SET monitoring_status = 'active'")
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), $1)", NOW - timedelta(hours=1))
    await battery.watch(worker_db, WORKER, NOW)
    assert await standing(owner) == []
