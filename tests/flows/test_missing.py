"""What did not arrive is noticed: a hole in the numbers is one alarm naming device and range, closed when it fills."""

from datetime import timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.flows import missing
from tests.flows.test_reading import NOW, bp, publish, send
from tests.world import World

WORKER = Who(principal="service:worker")


@pytest.fixture
async def devices(world: World, bridge_db: Database) -> Any:
    async def arrive(*numbers: int, at: timedelta = timedelta()) -> None:
        for seq in numbers:
            await send(bridge_db, publish(world, bp(seq, 120, at=NOW + at)), now=NOW + at)

    return arrive


async def alarms(owner: Any) -> list[tuple[str, str]]:
    return [tuple(row) for row in await owner.fetch("SELECT subject, status FROM alarm ORDER BY opened_at, subject")]


async def test_a_hole_is_one_alarm_that_names_device_and_range(
    world: World, owner: Any, worker_db: Database, devices: Any
) -> None:
    await devices(1, 2, 5, 6, 9)
    assert await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=1)) == 0
    assert await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=3)) == 2
    assert await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=4)) == 0
    assert await alarms(owner) == [(f"{world.device} 3–4", "open"), (f"{world.device} 7–8", "open")]


async def test_retransmission_closes_it(world: World, owner: Any, worker_db: Database, devices: Any) -> None:
    await devices(1, 4)
    await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=3))
    await devices(3)
    assert await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=4)) == 0
    await devices(2)
    assert await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=5)) == 1
    assert await alarms(owner) == [(f"{world.device} 2–3", "resolved")]


async def test_what_only_overtook_is_no_alarm(world: World, owner: Any, worker_db: Database, devices: Any) -> None:
    await devices(1, 3)
    await devices(2, at=timedelta(minutes=1))
    await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=5))
    assert await alarms(owner) == []


async def test_what_staff_resolved_is_not_raised_again(
    world: World, owner: Any, worker_db: Database, devices: Any
) -> None:
    await devices(1042, 1043)
    await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=3))
    await owner.execute("UPDATE alarm SET status = 'resolved'")
    await devices(1044, 1046, at=timedelta(minutes=3))
    await missing.watch(worker_db, WORKER, NOW + timedelta(minutes=9))
    assert await alarms(owner) == [(f"{world.device} 1–1041", "resolved"), (f"{world.device} 1045", "open")]
