"""What crosses nothing and leaves no doubt is stored by one statement, and everything else is left whole."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from devices.intake import DAILY_CAP, Publish
from server.db.pool import Database
from server.flows import plain
from server.flows.by_heart import ByHeart
from tests.flows.test_reading import BRIDGE, NOW, bp, count, publish
from tests.proofs import street
from tests.world import World, lend_device

LONG_AGO = NOW - timedelta(days=90)


async def take(database: Database, *batch: Publish) -> plain.Taken:
    return await plain.take_in(database, BRIDGE, list(batch), NOW, DAILY_CAP, ByHeart())


async def test_a_plain_reading_is_stored_counted_and_receipted(world: World, owner: Any, bridge_db: Database) -> None:
    taken = await take(bridge_db, publish(world, bp(1, 128)), publish(world, bp(2, 131)))
    assert (taken.wanting, taken.outcome.counts) == ([False, False], {"stored": 2, "received": 2, "duplicate": 0})
    receipt = taken.outcome.receipts[world.device][0]
    assert (receipt.stored, receipt.through) == ([1, 2], 2)
    assert await owner.fetchval("SELECT array_agg(patient_id) FROM reading") == [world.patient] * 2
    state = await owner.fetchrow("SELECT * FROM device_state")
    assert (state["received_count"], state["stored_count"], state["duplicate_count"]) == (2, 2, 0)


async def test_what_came_before_keeps_its_fate_and_another_content_is_kept_beside_it(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await take(bridge_db, publish(world, bp(1, 128)))
    again = await take(bridge_db, publish(world, bp(1, 128)), publish(world, bp(1, 128)))
    assert again.outcome.counts == {"received": 2, "duplicate": 2}
    assert again.outcome.receipts[world.device][0].stored == [1]
    reused = await take(bridge_db, publish(world, bp(1, 119)))
    assert (reused.wanting, reused.outcome.counts) == ([False], {"stored": 1, "received": 1, "duplicate": 0})
    assert await count(owner, "reading", "'sequence_reused' = ANY(flags)") == 1
    assert await owner.fetchval("SELECT kind FROM alarm") == "sequence_reused"
    state = await owner.fetchrow("SELECT * FROM device_state")
    assert state["received_count"] == 4 == state["stored_count"] + state["duplicate_count"]


WANTING: dict[str, Any] = {
    "a crossing": lambda w: publish(w, bp(1, 192, 124)),
    "a doubt": lambda w: publish(w, bp(1, 310, 124)),
    "the future": lambda w: publish(w, bp(1, 128, at=NOW + timedelta(days=3))),
    "a clock that was never set": lambda w: publish(w, {**bp(1, 128), "measured_at": "1970-01-01T00:00:00Z"}),
    "nobody's slot": lambda w: publish(w, bp(1, 128, at=LONG_AGO - timedelta(days=200))),
    "garbage": lambda w: publish(w, b"garbage"),
    "nobody's device": lambda w: publish(w, bp(1, 128), sender="stranger"),
    "one of two": lambda w: publish(w, bp(1, 128), bp(2, 192, 124)),
}


@pytest.mark.parametrize("what", WANTING)
async def test_everything_else_is_left_whole_for_the_careful_way(
    what: str, world: World, owner: Any, bridge_db: Database
) -> None:
    quiet, _ = await lend_device(owner, world.organization, world.patient, LONG_AGO)
    taken = await take(bridge_db, WANTING[what](world), publish(world, bp(1, 128), sender=quiet))
    assert taken.wanting == [True, False]
    assert await owner.fetchval("SELECT array_agg(device_id) FROM arrival") == [quiet]


async def test_a_clock_known_to_be_wrong_and_a_limit_of_their_own_want_more(
    world: World, owner: Any, bridge_db: Database
) -> None:
    assert (await take(bridge_db, publish(world, bp(1, 128)))).wanting == [False]
    await owner.execute(OWN_LIMIT, uuid.uuid4(), world.organization, world.patient, world.rules["bp_high"], NOW)
    assert (await take(bridge_db, publish(world, bp(2, 128)))).wanting == [True], "it crosses their own limit"
    await owner.execute("DELETE FROM patient_limit")
    await owner.execute(SKEW, world.device, world.organization, NOW)
    assert (await take(bridge_db, publish(world, bp(3, 128)))).wanting == [True]


OWN_LIMIT = """
    INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, valid_from,
                               author, reason)
    VALUES ($1, $2, $3, $4, 'systolic_mmhg', 'at_or_above', 'high', 120, $5, 'test', 'test')
"""
SKEW = "INSERT INTO device_clock (device_id, organization_id, observed_at, skew_seconds) VALUES ($1, $2, $3, 7200)"


async def test_a_cuff_that_changed_hands_measures_the_next_patient_at_once(
    world: World, owner: Any, bridge_db: Database
) -> None:
    second = await street.move_in(owner, world)
    await take(bridge_db, publish(world, bp(1, 128)))
    await hand_over(owner, world, second)
    taken = await take(bridge_db, publish(world, bp(2, 128)))
    assert taken.wanting == [False]
    assert await owner.fetchval("SELECT patient_id FROM arrival WHERE seq = 2") == second


async def hand_over(owner: Any, world: World, second: uuid.UUID) -> None:
    await street.take_back(owner, world.device)
    await street.lend(owner, world, world.device, second, LONG_AGO)
