"""received = stored + duplicate + held + quarantined, whatever a sender does; holes close, floods are capped."""

import asyncio
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from server.db.pool import Database
from server.flows import reading
from tests.devices.test_incoming import candidate
from tests.flows.test_reading import BRIDGE, NOW, TOLD, bp, count, publish, send
from tests.world import World


async def through(bridge_db: Database, world: World, *seqs: int) -> int:
    outcome = await send(bridge_db, publish(world, *(bp(seq, 120) for seq in seqs)))
    return outcome.receipts[world.device][-1].through


async def test_a_hole_that_two_batches_close_halves_of_is_closed(world: World, bridge_db: Database) -> None:
    assert await through(bridge_db, world, 1, 2, 5, 6, 9) == 2
    assert await through(bridge_db, world, 4, 8) == 2
    assert await through(bridge_db, world, 3) == 6
    assert await through(bridge_db, world, 6, 7) == 9
    assert await through(bridge_db, world, 2) == 9


@pytest.mark.parametrize("seed", range(12))
async def test_through_is_what_is_settled_without_a_hole(seed: int, world: World, bridge_db: Database) -> None:
    chance, came = random.Random(seed), set[int]()
    numbers = [n for n in range(1, 31) for _ in range(chance.choice((1, 1, 2)))]
    chance.shuffle(numbers)
    while numbers:
        size = chance.randint(1, 6)
        batch, numbers = numbers[:size], numbers[size:]
        told = await through(bridge_db, world, *batch)
        came |= set(batch)
        assert told == next(n for n in range(1, 40) if n not in came) - 1


async def test_two_bridges_at_once_close_one_hole(world: World, owner: Any, bridge_db: Database) -> None:
    """The second waits for the first, and sees what it brought."""
    async with bridge_db.transaction(BRIDGE) as one:
        await reading.handle(one, [publish(world, bp(1, 120), bp(3, 120))], NOW, TOLD)
        other = asyncio.create_task(send(bridge_db, publish(world, bp(2, 120))))
        while not await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.01)
    assert (await other).receipts[world.device][0].through == 3
    assert tuple(await owner.fetchrow("SELECT through, highest FROM sequence_state")) == (3, 3)


async def test_the_counts_add_up_per_entry(world: World, owner: Any, bridge_db: Database) -> None:
    array = publish(world, bp(1, 120), bp(1, 120), bp(2, 310), bp(3, 121, at=NOW - timedelta(days=200)), {"seq": 4})
    await send(bridge_db, array)
    await send(bridge_db, array, publish(world, bp(2, 125)), publish(world, bp(2, 125)), publish(world, b"garbage"))
    state = await owner.fetchrow("SELECT * FROM device_state")
    fates = {name: state[f"{name}_count"] for name in ("received", "stored", "held", "quarantined", "duplicate")}
    assert fates == {"received": 13, "stored": 2, "held": 2, "quarantined": 2, "duplicate": 7}
    assert await count(owner, "reading", "'sequence_reused' = ANY (flags)") == 1


async def test_above_the_daily_cap_readings_are_quarantined_and_staff_hear_of_it(
    world: World, owner: Any, bridge_db: Database
) -> None:
    async def flood(now: datetime, *seqs: int) -> list[str]:
        async with bridge_db.transaction(BRIDGE) as db:
            batch = [publish(world, bp(seq, 120, at=now)) for seq in seqs]
            outcome = await reading.handle(db, batch, now, TOLD, cap=5)
        receipt = outcome.receipts[world.device][0]
        return ["stored"] * len(receipt.stored) + [one.reason for one in receipt.refused]

    noon = NOW.replace(hour=12)
    assert await flood(noon, 1, 2, 3) == ["stored"] * 3
    assert await flood(noon, 4, 5, 6, 7) == ["stored"] * 2 + ["daily_cap"] * 2
    assert await flood(noon, 1) == ["stored"], "a reading that came before keeps its fate"
    assert await flood(noon + timedelta(days=1), 8, 9) == ["stored"] * 2
    assert await owner.fetchval("SELECT kind FROM alarm") == "daily_cap"
    assert await count(owner, "quarantine", "reason = 'daily_cap'") == 2


@pytest.mark.parametrize(("patients", "named"), [(1, True), (49, True), (50, False), (2000, False)])
def test_many_patients_at_once_are_one_event(patients: int, named: bool) -> None:
    new = [msgspec.structs.replace(candidate(), patient_id=uuid.uuid4()) for _ in range(patients)]
    events = reading.events(new, [])
    assert {event.topic for event in events} == {"patient"}
    assert {event.patient for event in events} == ({c.patient_id for c in new} if named else {None})
