"""A person decides what a held reading is: whose, with which values, or nothing; one decision counts.

The reading keeps the time it was measured and is judged like any other, by its age now. What arrived, and its fate
then, never change: received = stored + duplicate + held + quarantined stays true for every device.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from devices import quality, queues, readings
from devices.queues import Held
from devices.readings import Reading
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering, subject_of
from server.flows.page import Told, page
from server.monitoring import alerts, findings, limits, rules, verdicts
from server.monitoring.limits import Limit
from server.monitoring.rules import Measured
from server.people import patients
from server.people.patients import Patient
from server.security import audit
from server.security.sessions import Person

GONE = "There is no such item, or it belongs to somebody else. Go back to the queues."
TOO_OLD = "This can no longer be undone: it was not discarded, or more than 24 hours ago."
FUTURE = "The device's time lies in the future, so it cannot be kept. Choose the time it arrived."
IMPOSSIBLE = "These values cannot be a person's. Check the numbers and their units."
WHY = "Write why: whoever looks at this later needs the reason."


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whose it is, and why. `values` (canonical units, by column) replace what the device said."""

    patient: uuid.UUID
    note: str = ""
    time: Literal["measured", "received"] = "measured"
    values: Mapping[str, Decimal] | None = None


async def assign(
    database: Database, person: Person, held_id: uuid.UUID, decision: Decision, now: datetime, told: Told
) -> None:
    """It becomes a reading of that patient, judged now. `Conflict` names who decided first."""
    action = "held.assign" if decision.values is None else "held.correct"
    async with answering(database, person, action, held_id, now) as db:
        held = await _waiting(db, person, held_id)
        patient = await patients.get(db, decision.patient)
        if patient is None:
            raise NotFound("There is no such patient here. Check the record number.")
        of_patient = (await limits.of_patients(db, [patient.id], now))[patient.id]
        reading = await _named(db, held, _reading(held, patient, decision, now), of_patient, now)
        await _settle(db, person, held, decision, reading.id, now)
        await readings.insert(db, [msgspec.structs.replace(reading, judged_with=rules.judged_with(of_patient))])
        await _judge(db, held, reading, of_patient, now, told)
        detail = {"device": held.device_id, "reason": held.reason, "reading": str(reading.id)}
        await _note(db, person, action, held_id, now, patient=patient.id, detail=detail)


async def discard(database: Database, person: Person, held_id: uuid.UUID, note: str, now: datetime) -> None:
    """It was no measurement of anybody. What it gave rise to no longer holds; open alerts stay for a nurse."""
    why = _why(note)
    async with answering(database, person, "held.discard", held_id, now) as db:
        held = await _waiting(db, person, held_id)
        if not await queues.settle(db, held_id, _staff(person), "discarded", why, now):
            await _too_late(db, held_id)
        await verdicts.supersede(db, await _suspected(db, held), held_id, now)
        await _note(db, person, "held.discard", held_id, now, patient=held.patient_id)


async def undo(database: Database, person: Person, held_id: uuid.UUID, now: datetime) -> None:
    """Within a day a discarded item waits again, and what was found in it holds again."""
    async with answering(database, person, "held.undo", held_id, now) as db:
        held = await queues.one(db, held_id)
        if held is None:
            raise NotFound(GONE)
        if not await queues.reopen(db, held_id, now):
            raise Conflict(TOO_OLD)
        assert held.resolved_at is not None
        await verdicts.restore(db, await _suspected(db, held), held_id, held.resolved_at)
        await _note(db, person, "held.undo", held_id, now, patient=held.patient_id)


async def discard_poison(database: Database, person: Person, poison_id: uuid.UUID, note: str, now: datetime) -> None:
    """Seen and understood: these bytes are nothing we lack."""
    why = _why(note)
    async with answering(database, person, "quarantine.discard", poison_id, now) as db:
        if not await queues.discard_poison(db, poison_id, _staff(person), why, now):
            found = await queues.poison(db, poison_id, 0)
            raise NotFound(GONE) if found is None else Conflict(_first(found[0].resolved_name))
        await _note(db, person, "quarantine.discard", poison_id, now)


async def undo_poison(database: Database, person: Person, poison_id: uuid.UUID, now: datetime) -> None:
    """Within a day it waits again."""
    async with answering(database, person, "quarantine.undo", poison_id, now) as db:
        if await queues.poison(db, poison_id, 0) is None:
            raise NotFound(GONE)
        if not await queues.reopen_poison(db, poison_id, now):
            raise Conflict(TOO_OLD)
        await _note(db, person, "quarantine.undo", poison_id, now)


def _reading(held: Held, patient: Patient, decision: Decision, now: datetime) -> Reading:
    """The reading it becomes; a corrected one gets an id of its own, so that what was found before stays apart."""
    said = held.reading
    by_receipt = decision.time == "received"
    at = held.received_at if by_receipt else held.measured_at
    if at > now + quality.AHEAD_AT_MOST:
        raise Invalid(FUTURE)
    values = dict(said.values)
    if decision.values is not None:
        _why(decision.note)
        values |= decision.values
        if quality.implausible(msgspec.structs.replace(said, values=values)):
            raise Invalid(IMPOSSIBLE)
    same_time = not by_receipt and said.measured_at is not None and held.measured_at != held.received_at
    return Reading(
        id=held.id if decision.values is None and not by_receipt else uuid7(), organization_id=held.organization_id,
        patient_id=patient.id, kind=held.kind, measured_at=at, measured_at_raw=said.measured_at_raw,
        utc_offset_minutes=said.utc_offset_minutes, zone=patient.zone,
        local_date=at.astimezone(ZoneInfo(patient.zone)).date(), clock_basis="device" if same_time else "received",
        received_at=held.received_at, device_id=held.device_id, user_slot=said.user_slot, source="device",
        flags=(*said.flags, "assigned_by_staff" if decision.values is None else "corrected_by_staff"),
        context=said.context, out_of_range=said.out_of_range if decision.values is None else None, values=values,
        judged_with="",
    )  # fmt: skip


async def _settle(db: Db, person: Person, held: Held, decision: Decision, reading_id: uuid.UUID, now: datetime) -> None:
    corrected = None if decision.values is None else dict(decision.values)
    if not await queues.settle(
        db, held.id, _staff(person), "assigned" if corrected is None else "corrected", decision.note.strip(), now,
        corrected=corrected, reading_id=reading_id,
    ):  # fmt: skip
        await _too_late(db, held.id)


async def _named(db: Db, held: Held, reading: Reading, of_patient: Sequence[Limit], now: datetime) -> Reading:
    """Under the held item's id when what was found in doubt is just what it shows, else under an id of its own.

    In doubt it was judged as all it could mean; findings of another meaning must not count for the reading.
    """
    before = await verdicts.standing(db, reading.patient_id, held.id)
    shows = rules.judge([_measured(reading, now)], {reading.patient_id: of_patient})
    same = before == {(one.rule_version_id, one.severity, one.value) for one in shows}
    return reading if same or not before else msgspec.structs.replace(reading, id=uuid7())


async def _judge(db: Db, held: Held, reading: Reading, of_patient: Sequence[Limit], now: datetime, told: Told) -> None:
    """What was found in doubt is confirmed when it is the same reading of the same patient, else found anew."""
    patient = reading.patient_id
    untrue = await _suspected(db, held)
    if reading.id == held.id:
        untrue = [one for one in untrue if one != patient]
        await verdicts.confirm(db, patient, held.id)
    await verdicts.supersede(db, untrue, held.id, now)
    found = await findings.insert(db, rules.judge([_measured(reading, now)], {patient: of_patient}), now)
    episodes = await alerts.record(db, found, now)
    await findings.attach(db, found, {(e.patient_id, e.rule_id): e.id for e in episodes})
    await page(db, episodes, found, {reading.id: reading.kind}, now, told)


def _measured(reading: Reading, now: datetime) -> Measured:
    return Measured(
        id=reading.id, organization_id=reading.organization_id, patient_id=reading.patient_id, kind=reading.kind,
        values=reading.values, out_of_range=reading.out_of_range,  # type: ignore[arg-type]
        measured_at=reading.measured_at, age=quality.age_at(reading.kind, reading.measured_at, now),
    )  # fmt: skip


async def _suspected(db: Db, held: Held) -> list[uuid.UUID]:
    """Everybody in whose name it may have been judged."""
    about = [one.patient_id for one in await queues.candidates(db, held)]
    return [*about, held.patient_id] if held.patient_id else about


async def _waiting(db: Db, person: Person, held_id: uuid.UUID) -> Held:
    held = await queues.one(db, held_id)
    if held is None:
        raise NotFound(GONE)
    if held.resolved_at is not None:
        raise Conflict(_first(held.resolved_name))
    return held


async def _too_late(db: Db, held_id: uuid.UUID) -> None:
    standing = await queues.one(db, held_id)
    raise Conflict(_first(standing.resolved_name if standing else None))


def _first(name: str | None) -> str:
    return f"{name or 'Somebody'} decided this already. Nothing was changed."


def _why(note: str) -> str:
    if not note.strip():
        raise Invalid(WHY)
    return note.strip()


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("The queues are answered by the care team.")
    return person.staff_id


async def _note(
    db: Db, person: Person, action: str, item: uuid.UUID, now: datetime, *,
    patient: uuid.UUID | None = None, detail: dict[str, str] | None = None,
) -> None:  # fmt: skip
    subject = subject_of(action, item)
    await audit.note(db, person.who, person.organization, action, subject, now, patient=patient, detail=detail)
    events = [Event(topic="worklist", organization=person.organization)]
    if patient is not None:
        events.append(Event(topic="patient", organization=person.organization, patient=patient))
    await tell(db, *events)
