"""Staff book an appointment and say what became of it; a gap it was for then waits for its result, not for texts."""

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.gaps import reports
from server.outreach import appointments, tasks
from server.outreach.appointments import Appointment, Status
from server.people.patients import Patient
from server.security import audit

CALL = "The patient missed an appointment. Call to ask how they are, and offer a new day."
GONE = "There is no such appointment of this patient. Look at the list again."
TAKEN = "Another appointment is booked for the same time. Cancel that one first."
MEANWHILE = "Somebody has changed this appointment meanwhile. This is how it stands now."
FURTHEST = timedelta(days=2 * 366)
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """As it is asked for: on the patient's own clock."""

    day: str
    at: str
    measure: str | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Which appointment of whom, and as what the asker saw it."""

    organization: uuid.UUID
    patient: uuid.UUID
    appointment: uuid.UUID
    was: Status


async def book(database: Database, who: Who, patient: Patient, wanted: Wanted, now: datetime) -> uuid.UUID:
    """`Invalid` for a moment that cannot be, `Conflict` when it is booked already."""
    starts_at = to_come(moment(wanted.day, wanted.at, patient.zone), now)
    async with database.transaction(who) as db:
        if wanted.measure and wanted.measure not in await appointments.measures(db, patient.id):
            raise Invalid("Choose what the appointment is for from the list.")
        made = await enter(db, who, patient.organization_id, patient.id, starts_at, wanted.measure, "staff", now)
    if made is None:
        raise Conflict("An appointment is booked for this time already. Choose another time, or cancel that one first.")
    return made


async def enter(
    db: Db, who: Who, organization: uuid.UUID, patient: uuid.UUID, starts_at: datetime, measure: str | None,
    source: str, now: datetime,
) -> uuid.UUID | None:  # fmt: skip
    """Book it and note who did; `None` when one is booked for this moment already."""
    made = await appointments.book(db, patient, starts_at, measure, who.principal, source, now)
    if made is not None:
        await audit.note(
            db, who, organization, "appointment.book", f"appointment:{made}", now, patient=patient,
            detail={"source": source, "measure": measure},
        )  # fmt: skip
        await tell(db, Event(topic="patient", organization=organization, patient=patient))
    return made


async def change(
    database: Database, who: Who, patient: uuid.UUID, appointment: uuid.UUID, was: Status, to: Status, now: datetime
) -> None:
    """What became of it, or booked again; `Conflict` when it is not as the asker saw it."""
    try:
        async with database.transaction(who) as db:
            found = await appointments.get(db, patient, appointment)
            if found is None:
                raise NotFound(GONE)
            if (was == "booked") == (to == "booked") or found.status != was:
                raise Conflict(MEANWHILE)
            subject = Subject(organization=found.organization_id, patient=patient, appointment=appointment, was=was)
            if not await move(db, who, subject, to, now):
                raise Conflict(_why_not(found, to, now))
    except asyncpg.UniqueViolationError:
        raise Conflict(TAKEN) from None


def _why_not(found: Appointment, to: Status, now: datetime) -> str:
    if to == "booked":
        return TAKEN
    if found.starts_at > now:
        return "This appointment has not begun yet. Say afterwards whether the patient came, or cancel it."
    return MEANWHILE


async def move(db: Db, who: Who, one: Subject, to: Status, now: datetime) -> bool:
    """The change and all that follows from it, or from taking the last one back; False when it cannot be."""
    if not await appointments.move(db, one.patient, one.appointment, one.was, to, now):
        return False
    await _take_back(db, who, one, now)
    await _follow(db, one, to, now)
    await audit.note(
        db, who, one.organization, f"appointment.{to}", f"appointment:{one.appointment}", now, patient=one.patient,
        detail={"was": one.was},
    )  # fmt: skip
    await tell(db, Event(topic="patient", organization=one.organization, patient=one.patient))
    return True


async def _follow(db: Db, one: Subject, to: Status, now: datetime) -> None:
    """Who came is not asked again while the result is awaited; who did not come is called."""
    if to == "fulfilled":
        gap = await appointments.open_gap(db, one.patient, one.appointment)
        if gap is not None and await reports.report_done(db, one.patient, gap, now):
            await appointments.await_gap(db, one.patient, one.appointment, gap)
    elif to == "noshow":
        await tasks.open_task(
            db, organization=one.organization, patient=one.patient, kind="noshow_call", subject=str(one.appointment),
            says=CALL, now=now,
        )  # fmt: skip


async def _take_back(db: Db, who: Who, one: Subject, now: datetime) -> None:
    """As if the last word had not been said; evidence that came meanwhile stays."""
    if one.was == "fulfilled":
        gap = await appointments.take_back_gap(db, one.patient, one.appointment)
        if gap is not None:
            await reports.withdraw(db, one.patient, gap)
    elif one.was == "noshow":
        call = await appointments.open_call(db, one.appointment)
        if call is not None:
            await tasks.close(db, call, who.principal, "not_needed", "", now)


def moment(day: str, at: str, zone: str) -> datetime:
    """On the patient's clock. One that the clocks skip is refused, of one that comes twice it is the first."""
    found = CLOCK.fullmatch(at.strip())
    try:
        on = date.fromisoformat(day.strip())
    except ValueError:
        found = None
    if found is None:
        raise Invalid("Choose the day from the calendar and write the time like 14:30.")
    local = datetime.combine(on, time(int(found[1]), int(found[2])), ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Invalid(f"There is no {at} on that day: the clocks jump over it. Choose another time.")
    return instant


def to_come(starts_at: datetime, now: datetime) -> datetime:
    """`Invalid` for what has passed, and for a year that was surely mistyped."""
    if starts_at <= now:
        raise Invalid("This time has passed. Choose a day and time to come.")
    if starts_at > now + FURTHEST:
        raise Invalid("This is more than two years away. Check the year.")
    return starts_at
