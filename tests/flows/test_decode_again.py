"""What a mended decoder can read is recovered from quarantine once: stored as if it had just been understood."""

import asyncio
import json
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from devices import second_look
from devices.decoded import Entry, Refused
from devices.formats import gatt, native
from server.db.pool import Database
from server.errors import Conflict, NotFound
from server.flows import decode_again as flow
from server.monitoring import fleet
from tests.flows.test_reading import NOW, TOLD, bp, count, publish, send
from tests.flows.test_resolve_held import person_of
from tests.world import World, lend_device

LATER = NOW + timedelta(hours=5)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A native decoder that understands nothing, until `mend()`."""

    def refuse(payload: bytes) -> list[Entry]:
        return [Entry(raw=payload, decoded=Refused(reason="decoder_failed"))]

    monkeypatch.setitem(second_look.formats.DECODERS, "native", refuse)
    return lambda: monkeypatch.setitem(second_look.formats.DECODERS, "native", native.decode)


async def lost(owner: Any) -> uuid.UUID:
    """The id of the one item in quarantine."""
    found: uuid.UUID = await owner.fetchval("SELECT id FROM quarantine")
    return found


async def again(world: World, web_db: Database, item: uuid.UUID, at: Any = LATER) -> flow.Look:
    return await flow.again(web_db, person_of(world), item, at, TOLD)


async def account(web_db: Database, world: World) -> fleet.Account:
    async with web_db.transaction(person_of(world).who) as db:
        return next(one for one in await fleet.devices(db, NOW) if one.id == world.device)


async def test_a_message_is_recovered_with_its_own_times_and_judged_by_its_age_now(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    entries = [bp(n, 185 + n, 125, at=NOW - timedelta(minutes=n)) for n in (1, 2, 3)]
    await send(bridge_db, publish(world, *entries))
    assert await count(owner, "reading") == 0
    before, item = await account(web_db, world), await lost(owner)
    broken()
    seen = await again(world, web_db, item)
    assert seen.counts == {"stored": 3}
    rows = await owner.fetch("SELECT * FROM reading ORDER BY measured_at")
    assert [row["measured_at"] for row in rows] == [NOW - timedelta(minutes=n) for n in (3, 2, 1)]
    assert {(row["received_at"], row["patient_id"], *row["flags"]) for row in rows} == {
        (NOW, world.patient, "decoded_again")
    }
    assert item in {row["id"] for row in rows}
    assert await count(owner, "finding") == 3
    # Five hours later it is late: a nurse is paged once, since nothing newer contradicts.
    assert tuple(await owner.fetchrow("SELECT age, severity FROM alert")) == ("late", "high")
    assert await count(owner, "message", "purpose = 'page'") == 1
    row = await owner.fetchrow("SELECT resolution, note, resolved_by FROM quarantine")
    assert tuple(row) == ("decoded", "3 readings kept", world.nurse)
    after = await account(web_db, world)
    assert (after, after.adds_up, after.quarantined) == (before, True, 1)


async def test_two_days_later_it_is_an_older_reading_and_pages_nobody(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 190)))
    broken()
    await again(world, web_db, await lost(owner), NOW + timedelta(days=2))
    assert tuple(await owner.fetchrow("SELECT age, severity FROM alert")) == ("historic", "medium")
    assert await count(owner, "message") == 0


async def test_only_one_of_many_who_press_at_once_recovers_it(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 190)))
    item = await lost(owner)
    broken()
    done = await asyncio.gather(*(again(world, web_db, item) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, flow.Look) for one in done) == 1
    assert all(isinstance(one, flow.Look | Conflict | NotFound) for one in done)
    assert await count(owner, "reading") == 1
    assert await count(owner, "audit", "action = 'quarantine.decode' AND allowed") == 1
    with pytest.raises(NotFound):
        await again(world, web_db, item)


async def test_what_still_cannot_be_read_stays_with_the_reason_as_of_now(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, b'{"kind": "mood", "seq": 7}'))
    broken()
    seen = await again(world, web_db, await lost(owner))
    assert not seen.readable
    row = await owner.fetchrow("SELECT reason, retried_reason, retried_at, resolved_at, payload FROM quarantine")
    assert row["reason"] == "decoder_failed"
    assert row["retried_reason"] not in {None, "decoder_failed"}
    assert (row["retried_at"], row["resolved_at"], row["payload"]) == (LATER, None, b'{"kind": "mood", "seq": 7}')


async def test_of_a_message_the_readable_part_is_kept_and_the_rest_waits_on(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    mood = {"seq": 2, "kind": "mood", "measured_at": NOW.isoformat()}
    await send(bridge_db, publish(world, mood, bp(1, 120), bp(3, 121)))
    item = await lost(owner)
    broken()
    seen = await again(world, web_db, item)
    assert seen.counts == {"stored": 2, "refused": 1}
    rows = await owner.fetch(
        "SELECT id, resolution, received_at, payload FROM quarantine ORDER BY resolution NULLS LAST"
    )
    assert [(row["resolution"], row["received_at"]) for row in rows] == [("decoded", NOW), (None, NOW)]
    assert json.loads(rows[1]["payload"]) == mood
    assert await count(owner, "reading", f"id = '{item}'") == 1


async def test_doubt_in_what_was_recovered_waits_for_a_person_and_is_judged(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 310, 124)))
    broken()
    assert (await again(world, web_db, await lost(owner))).counts == {"held": 1}
    row = await owner.fetchrow("SELECT id, reason, received_at FROM held")
    assert tuple(row) == (await owner.fetchval("SELECT id FROM quarantine"), "implausible", NOW)
    assert await owner.fetchval("SELECT unconfirmed FROM alert")


async def test_todays_loans_decide_whose_it_is(world: World, owner: Any, bridge_db: Database, web_db: Database) -> None:
    """The hub spoke of a cuff that was registered and lent only afterwards, for that time."""
    said = bp(1, 120, source="late-cuff")
    await send(bridge_db, publish(world, said))
    assert await owner.fetchval("SELECT reason FROM quarantine") == "unknown_source"
    cuff, _ = await lend_device(owner, world.organization, world.patient, NOW - timedelta(days=1))
    await owner.execute("ALTER TABLE loan DROP CONSTRAINT loan_device_id_organization_id_fkey")
    await owner.execute("DELETE FROM device_state WHERE device_id = $1", cuff)
    await owner.execute("UPDATE device SET id = 'late-cuff', hub_id = $1 WHERE id = $2", world.device, cuff)
    await owner.execute("UPDATE loan SET device_id = 'late-cuff' WHERE device_id = $1", cuff)
    assert (await again(world, web_db, await lost(owner))).counts == {"stored": 1}
    assert await owner.fetchval("SELECT device_id FROM reading") == "late-cuff"


async def test_a_reading_its_sender_sent_again_by_itself_is_not_kept_twice(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 190), bp(2, 191, at=NOW - timedelta(minutes=1))))
    item = await lost(owner)
    broken()
    await send(bridge_db, publish(world, bp(9, 190)))
    assert (await again(world, web_db, item)).counts == {"stored": 1, "again": 1}
    rows = await owner.fetch("SELECT systolic_mmhg FROM reading ORDER BY 1")
    assert [row[0] for row in rows] == [Decimal(190), Decimal(191)]


async def test_recovered_numbers_fill_the_hole_they_left(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 120), bp(2, 121)))
    broken()
    await send(bridge_db, publish(world, bp(3, 122)))
    assert await owner.fetchval("SELECT through FROM sequence_state WHERE epoch = 0") == 0
    await again(world, web_db, await lost(owner))
    assert await owner.fetchval("SELECT through FROM sequence_state WHERE epoch = 0") == 3
    outcome = await send(bridge_db, publish(world, bp(4, 123)))
    assert outcome.receipts[world.device][0].through == 4
    repeated = await send(bridge_db, publish(world, bp(2, 121)))
    assert repeated.counts["duplicate"] == 1


async def test_a_number_that_was_used_for_something_else_is_kept_beside_it_and_flagged(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 120)))
    broken()
    await send(bridge_db, publish(world, bp(1, 133, at=NOW - timedelta(minutes=3))))
    assert (await again(world, web_db, await lost(owner))).counts == {"stored": 1}
    flags = await owner.fetchval("SELECT flags FROM reading WHERE systolic_mmhg = 120")
    assert flags == ["sequence_reused", "decoded_again"]


async def test_bytes_that_came_in_another_format_than_the_models_are_read_as_what_they_are(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    gatt = b'{"characteristic": "2A9D", "value": "00ac3f"}'
    await send(bridge_db, publish(world, gatt))
    seen = await again(world, web_db, await lost(owner))
    assert seen.counts == {"stored": 1}
    row = await owner.fetchrow("SELECT weight_kg, measured_at, clock_basis FROM reading")
    assert tuple(row) == (Decimal("81.5"), NOW, "received")  # it has no clock: the time is when it came, not now


async def test_the_format_its_sender_named_is_the_one_it_is_read_in(
    world: World, owner: Any, bridge_db: Database, web_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        second_look.formats.DECODERS, "gatt", lambda payload: [Entry(raw=payload, decoded=Refused(reason="bug"))]
    )
    monkeypatch.setattr(second_look.detect, "guess", lambda payload: None)
    named = publish(world, b'{"characteristic": "2A9D", "value": "00ac3f"}')
    named = msgspec.structs.replace(named, content_type="application/vnd.careloop.gatt+json")
    await send(bridge_db, named)
    assert await owner.fetchval("SELECT content_type FROM quarantine") == named.content_type
    monkeypatch.setitem(second_look.formats.DECODERS, "gatt", gatt.decode)
    assert (await again(world, web_db, await lost(owner))).counts == {"stored": 1}
    assert await owner.fetchval("SELECT weight_kg FROM reading") == Decimal("81.5")


async def test_all_of_one_device_and_reason_at_once(
    world: World, other_world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    old = NOW - timedelta(days=2)
    for n in range(1, 6):
        await send(bridge_db, publish(world, bp(n, 120 + n, at=old + timedelta(minutes=n))))
    await send(bridge_db, publish(world, b'{"kind": "mood"}'), publish(other_world, bp(1, 120)))
    broken()
    person = person_of(world)
    done = await flow.again_alike(web_db, person, world.device, "decoder_failed", LATER, TOLD)
    assert done == {"decoded": 5, "still": 1}
    assert await count(owner, "reading", f"organization_id = '{world.organization}'") == 5
    assert await count(owner, "audit", "action = 'quarantine.decode'") == 6
    async with web_db.transaction(person.who) as db:
        assert await second_look.alike(db, other_world.device, "decoder_failed", 9) == []
        left = await second_look.alike(db, world.device, "decoder_failed", 9)
    assert [one.payload for one in left] == [b'{"kind": "mood"}']


async def test_another_organization_s_item_is_not_there(
    world: World, other_world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(other_world, bp(1, 120)))
    broken()
    with pytest.raises(NotFound):
        await again(world, web_db, await lost(owner))
    assert await count(owner, "reading") == 0
    assert await count(owner, "audit", "action = 'quarantine.decode' AND NOT allowed") == 1


async def test_what_the_database_refuses_changes_nothing_and_says_so(
    world: World, owner: Any, bridge_db: Database, web_db: Database, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(bridge_db, publish(world, bp(1, 120)))
    broken()

    async def refuse(*_: Any) -> None:
        raise asyncpg.DataError("no")

    monkeypatch.setattr(flow.readings, "insert", refuse)
    with pytest.raises(Conflict, match="stays in quarantine"):
        await again(world, web_db, await lost(owner))
    assert tuple(await owner.fetchrow("SELECT retried_reason, resolved_at FROM quarantine")) == (
        "database_refused",
        None,
    )
    assert await count(owner, "arrival") == 1
