"""A person's decision on what was held or not understood: once, at the measured time, judged, undone for a day."""

import asyncio
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import forget
from server.flows import resolve_held as flow
from server.flows.resolve_held import Decision
from server.monitoring import fleet
from server.security.sessions import Person
from tests.flows.test_reading import NOW, TOLD, bp, count, publish, send
from tests.world import World

WORKER = Who(principal="service:worker")


def person_of(world: World, staff: uuid.UUID | None = None) -> Person:
    return Person(
        organization=world.organization, organization_name="Aspen", state="live", zone="UTC", demo=False,
        account_id=uuid7(), name="Nurse", role="nurse", staff_id=staff or world.nurse,  # type: ignore[arg-type]
    )  # fmt: skip


async def hold(world: World, bridge_db: Database, owner: Any, entry: dict[str, Any], now: datetime = NOW) -> uuid.UUID:
    """The id of the one held item that this entry became."""
    await send(bridge_db, publish(world, entry), now=now)
    held: uuid.UUID = await owner.fetchval("SELECT id FROM held ORDER BY received_at DESC, id DESC LIMIT 1")
    return held


async def no_loan(owner: Any, world: World) -> None:
    """The cuff was with nobody since two hours ago."""
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), $1)", NOW - timedelta(hours=2))


async def another_patient(owner: Any, world: World) -> uuid.UUID:
    other = uuid7()
    await owner.execute(
        """INSERT INTO patient SELECT $1, organization_id, clinic_id, team_id, 'other', given_name, 'Other', birth_date, sex,
               zone, language, phone, phone_hash, monitoring_status, admitted_at FROM patient WHERE id = $2""",
        other, world.patient,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)",
        uuid7(), world.organization, other, world.programme, NOW - timedelta(days=400),
    )  # fmt: skip
    return other


@pytest.mark.parametrize(
    ("before", "age", "severity", "pages"),
    [
        (timedelta(minutes=5), "live", "high", 1),
        (timedelta(hours=1), "late", "high", 1),
        (timedelta(days=3), "historic", "medium", 0),
    ],
)
async def test_an_assigned_reading_keeps_its_time_and_is_judged_by_its_age(
    world: World,
    owner: Any,
    bridge_db: Database,
    web_db: Database,
    before: timedelta,
    age: str,
    severity: str,
    pages: int,
) -> None:
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", NOW + timedelta(days=30))  # never anybody's yet
    measured = NOW - before
    held = await hold(world, bridge_db, owner, bp(1, 192, 124, at=measured))
    assert await count(owner, "alert") == 0
    await flow.assign(web_db, person_of(world), held, Decision(patient=world.patient), NOW, TOLD)
    row = await owner.fetchrow("SELECT * FROM reading")
    assert (row["id"], row["patient_id"], row["measured_at"]) == (held, world.patient, measured)
    assert (row["clock_basis"], row["flags"], row["systolic_mmhg"]) == ("device", ["assigned_by_staff"], 192)
    alert = await owner.fetchrow("SELECT age, severity, unconfirmed FROM alert")
    assert tuple(alert) == (age, severity, False)
    assert await count(owner, "message", "purpose = 'page'") == pages
    settled = await owner.fetchrow("SELECT resolution, resolved_by, reading_id FROM held")
    assert tuple(settled) == ("assigned", world.nurse, held)


async def test_the_account_of_the_device_stays_true_and_the_ledger_names_the_reading(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await no_loan(owner, world)
    held = await hold(world, bridge_db, owner, bp(1, 120))
    before = await owner.fetchrow("SELECT * FROM arrival")
    await flow.assign(web_db, person_of(world), held, Decision(patient=world.patient), NOW, TOLD)
    assert await owner.fetchrow("SELECT * FROM arrival") == before
    assert (before["fate"], before["reading_id"]) == ("held", held)
    outcome = await send(bridge_db, publish(world, bp(1, 120)))  # its sender asks again
    assert outcome.receipts[world.device][0].held == [1]
    async with web_db.transaction(person_of(world).who) as db:
        (account,) = await fleet.devices(db, NOW)
    assert account.adds_up
    assert (account.received, account.stored, account.held, account.duplicate) == (2, 0, 1, 1)
    assert await count(owner, "reading") == 1


async def test_a_doubt_that_a_person_confirms_makes_no_second_alert(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    assert await owner.fetchval("SELECT unconfirmed FROM alert")
    await flow.assign(web_db, person_of(world), held, Decision(patient=world.patient), NOW, TOLD)
    assert await owner.fetchval("SELECT unconfirmed FROM alert") is False
    assert (await count(owner, "alert"), await count(owner, "finding"), await count(owner, "message")) == (1, 1, 1)


async def test_a_corrected_unit_takes_the_place_of_what_was_found_in_doubt(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    right = {"systolic_mmhg": Decimal(131), "diastolic_mmhg": Decimal(84)}
    decision = Decision(patient=world.patient, values=right, note="Typed in by the daughter")
    await flow.assign(web_db, person_of(world), held, decision, NOW, TOLD)
    row = await owner.fetchrow("SELECT * FROM reading")
    assert (row["systolic_mmhg"], row["diastolic_mmhg"], row["flags"]) == (131, 84, ["corrected_by_staff"])
    kept = await owner.fetchrow("SELECT * FROM held")
    assert kept["reading_id"] == row["id"] != held
    assert '"310' in kept["reading"]  # what the device said is kept beside it
    assert '"131"' in kept["corrected"]
    assert await count(owner, "finding", "superseded_at IS NULL") == 0
    assert await owner.fetchval("SELECT status FROM alert") == "open"  # a nurse resolves it


async def test_what_was_found_in_another_meaning_does_not_count_for_the_reading(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    """25 without a loan is 25 mg/dL, or 25 mmol/L which is 450: both are judged, one is true."""
    await no_loan(owner, world)
    entry = {"seq": 1, "kind": "glucose", "glucose": 25, "measured_at": (NOW - timedelta(minutes=5)).isoformat()}
    held = await hold(world, bridge_db, owner, entry)
    await owner.execute(  # as when the loan was ended too early: he was judged in doubt, under both meanings
        """INSERT INTO finding SELECT $1, $2, $3, $4, $5, $6, NULL, 'high', 'glucose_mgdl', 'at_or_above', 450, 400, 'live', $7, $7
            WHERE NOT EXISTS (SELECT 1 FROM finding WHERE rule_id = $4)""",
        uuid7(), world.organization, world.patient, world.rules["glucose_high"], world.versions["glucose_high"], str(held), NOW,
    )  # fmt: skip
    await flow.assign(web_db, person_of(world), held, Decision(patient=world.patient), NOW, TOLD)
    rows = await owner.fetch("SELECT rule_id, value FROM finding WHERE superseded_at IS NULL")
    assert [(row["rule_id"], row["value"]) for row in rows] == [(world.rules["glucose_low"], 25)]
    assert await owner.fetchval("SELECT reading_id FROM held") == await owner.fetchval("SELECT id FROM reading")
    assert await count(owner, "alert", f"rule_id = '{world.rules['glucose_low']}' AND NOT unconfirmed") == 1


async def test_what_was_another_patients_no_longer_counts_against_the_first(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    other = await another_patient(owner, world)
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    await flow.assign(web_db, person_of(world), held, Decision(patient=other), NOW, TOLD)
    rows = await owner.fetch("SELECT patient_id, superseded_at IS NULL AS holds FROM finding ORDER BY found_at, id")
    assert {(row["patient_id"], row["holds"]) for row in rows} == {(world.patient, False), (other, True)}
    assert await owner.fetchval("SELECT patient_id FROM reading") == other


async def test_a_correction_needs_a_reason_and_numbers_a_body_can_have(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    held, who = await hold(world, bridge_db, owner, bp(1, 310, 124)), person_of(world)
    for values, note in (({"systolic_mmhg": Decimal(130)}, " "), ({"systolic_mmhg": Decimal(900)}, "a reason")):
        with pytest.raises(Invalid):
            decision = Decision(patient=world.patient, values=values, note=note)
            await flow.assign(web_db, who, held, decision, NOW, TOLD)
    assert await count(owner, "reading") == 0
    assert await count(owner, "held", "resolved_at IS NULL") == 1


async def test_a_time_in_the_future_is_not_kept(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 120, at=NOW + timedelta(days=300)))
    assert await owner.fetchval("SELECT measured_at FROM held") == NOW  # a time from the future is not believed
    await owner.execute("UPDATE held SET measured_at = $1", NOW + timedelta(days=300))  # as it was held before 0007
    with pytest.raises(Invalid, match="future"):
        await flow.assign(web_db, person_of(world), held, Decision(patient=world.patient), NOW, TOLD)
    decision = Decision(patient=world.patient, time="received")
    await flow.assign(web_db, person_of(world), held, decision, NOW, TOLD)
    row = await owner.fetchrow("SELECT measured_at, clock_basis FROM reading")
    assert tuple(row) == (NOW, "received")


async def test_of_many_who_decide_at_once_one_counts(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await no_loan(owner, world)
    held = await hold(world, bridge_db, owner, bp(1, 192, 124))
    who = person_of(world)
    acts = [flow.assign(web_db, who, held, Decision(patient=world.patient), NOW, TOLD) for _ in range(4)]
    acts += [flow.discard(web_db, who, held, "A test of the cuff", NOW) for _ in range(4)]
    done = await asyncio.gather(*acts, return_exceptions=True)
    assert sum(one is None for one in done) == 1
    late = [one for one in done if one is not None]
    assert all(isinstance(one, Conflict) and "Nurse Aspen" in one.says for one in late)
    assert await count(owner, "reading") == (1 if done[:4].count(None) else 0)
    assert await count(owner, "audit", "action IN ('held.assign', 'held.discard')") == 1


async def test_a_discarding_is_undone_for_a_day_and_its_alert_was_never_gone(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    held, who = await hold(world, bridge_db, owner, bp(1, 310, 124)), person_of(world)
    with pytest.raises(Invalid):
        await flow.discard(web_db, who, held, "  ", NOW)
    await flow.discard(web_db, who, held, "Cuff on the table", NOW)
    assert await count(owner, "finding", "superseded_at IS NULL") == 0
    assert await owner.fetchval("SELECT status FROM alert") == "open"
    await flow.undo(web_db, who, held, NOW + timedelta(hours=23))
    assert await count(owner, "finding", "superseded_at IS NULL") == 1
    assert await count(owner, "held", "resolved_at IS NULL AND note IS NULL") == 1
    await flow.discard(web_db, who, held, "It was", NOW)
    with pytest.raises(Conflict):
        await flow.undo(web_db, who, held, NOW + timedelta(hours=25))
    notes = await owner.fetch("SELECT action, detail FROM audit WHERE action LIKE 'held.%' ORDER BY id")
    assert [row["action"] for row in notes] == ["held.discard", "held.undo", "held.discard"]
    assert all("Cuff" not in row["detail"] for row in notes)


async def test_nothing_of_another_organization_can_be_decided(
    world: World, other_world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await send(bridge_db, publish(world, b"\xff\xfe"))
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    poison = await owner.fetchval("SELECT id FROM quarantine")
    stranger, mine = person_of(other_world), person_of(world)
    with pytest.raises(NotFound):
        await flow.assign(web_db, stranger, held, Decision(patient=other_world.patient), NOW, TOLD)
    with pytest.raises(NotFound):
        await flow.assign(web_db, mine, held, Decision(patient=other_world.patient), NOW, TOLD)
    with pytest.raises(NotFound):
        await flow.discard(web_db, stranger, held, "x", NOW)
    with pytest.raises(NotFound):
        await flow.discard_poison(web_db, stranger, poison, "x", NOW)
    assert await count(owner, "audit", "NOT allowed") == 4
    assert await count(owner, "reading") == 0


async def test_quarantined_bytes_are_discarded_undone_and_removed_when_their_time_is_over(
    world: World, owner: Any, bridge_db: Database, web_db: Database, worker_db: Database
) -> None:
    await send(bridge_db, publish(world, b"\xff\xfe old"), now=NOW - timedelta(days=91))
    await send(bridge_db, publish(world, b"\xff\xfe new"), now=NOW - timedelta(days=89))
    poison, who = await owner.fetchval("SELECT id FROM quarantine ORDER BY received_at DESC LIMIT 1"), person_of(world)
    await flow.discard_poison(web_db, who, poison, "The maker knows", NOW)
    with pytest.raises(Conflict):
        await flow.discard_poison(web_db, who, poison, "Again", NOW)
    await flow.undo_poison(web_db, who, poison, NOW)
    assert await forget.forget(worker_db, WORKER, 90, NOW) == 1
    assert await forget.forget(worker_db, WORKER, 90, NOW) == 0
    rows = await owner.fetch("SELECT payload, reason, device_id, purged_at FROM quarantine ORDER BY received_at")
    assert [(row["payload"], row["purged_at"]) for row in rows] == [(b"", NOW), (b"\xff\xfe new", None)]
    assert rows[0]["reason"] == rows[1]["reason"]
    assert rows[0]["device_id"] == world.device
    assert await count(owner, "audit", "action = 'quarantine.purge'") == 1
