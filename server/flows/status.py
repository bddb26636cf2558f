"""A patient's monitoring is paused, ended or begun again; by a person, or by itself when a pause is over."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows.answering import answering
from server.flows.look import NO_PATIENT
from server.monitoring import alarms, baselines
from server.monitoring.alarms import Alarm
from server.people import monitoring_status as statuses
from server.people import patients
from server.people.monitoring_status import BY_ITSELF, UNDONE, Change, Gone, New, State
from server.people.patients import MonitoringStatus, Patient
from server.security import audit
from server.security.sessions import Person

BACK_KIND = "back_from_pause"
RETURN_KIND = "device_to_return"
SAYS_BACK = (
    "The pause is over and monitoring runs again. Call: are they home, do the devices work? Ask them to weigh "
    "themselves; what is usual for them is counted anew from now on."
)
RETURNED = "Closed by itself: nothing is on loan to them any more, or they are monitored again."
LONGEST_PAUSE = timedelta(days=366)
UNDO_WITHIN = timedelta(days=1)
ASKED_AGAIN_AFTER = timedelta(days=7)  # once staff have resolved that a device should come back
MEANWHILE = "Somebody changed the monitoring meanwhile. Look at what it is now, then decide again."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose. `back_on`: the first day on which they are monitored again; None: until somebody says.

    `seen` is the newest change that the person saw, or None when there was none.
    """

    status: MonitoringStatus
    reason: str
    note: str = ""
    back_on: date | None = None
    sure: bool = False
    seen: uuid.UUID | None = None


async def change(database: Database, person: Person, patient_id: uuid.UUID, asked: Asked, now: datetime) -> None:
    """One transaction with its history and audit. `Invalid` says what to choose, `Conflict` that it changed since."""
    _check(asked)
    async with answering(database, person, "patient.status", patient_id, now) as db:
        patient, state, _ = await _open(db, patient_id, asked.seen)
        until = _until(asked, patient.zone, now)
        if state.status == asked.status and state.until == until:
            raise Conflict(f"That is so already: {asked.status}.")
        to = State(status=asked.status, until=until, rebaseline_from=state.rebaseline_from)
        if asked.status == "active":
            to = await _resumed(db, patient_id, now)
        new = New(
            organization_id=person.organization, patient_id=patient_id, state=to, reason=asked.reason,
            note=asked.note.strip(), changed_by=person.principal,
        )  # fmt: skip
        await statuses.record(db, new, now)
        await _told(db, person.who, new, "patient.status", now)


async def undo(
    database: Database, person: Person, patient_id: uuid.UUID, seen: uuid.UUID | None, now: datetime
) -> None:
    """Take back the last change, within a day, as if it had not been; what was suppressed meanwhile stays unsent."""
    async with answering(database, person, "patient.status", patient_id, now) as db:
        _, _, changes = await _open(db, patient_id, seen)
        if not may_undo(changes, now):
            raise Conflict("There is nothing to take back any more. Choose what holds from now on.")
        before = changes[1].state if len(changes) > 1 else State(status="active")
        new = New(
            organization_id=person.organization, patient_id=patient_id, state=before, reason=UNDONE, note="",
            changed_by=person.principal, undoes=changes[0].id,
        )  # fmt: skip
        await statuses.record(db, new, now)
        await _told(db, person.who, new, "patient.status_undo", now)


def may_undo(changes: list[Change], now: datetime) -> bool:
    """The newest change, for a day, unless it took one back itself."""
    return bool(changes) and changes[0].undoes is None and now - changes[0].changed_at <= UNDO_WITHIN


async def watch(database: Database, who: Who, now: datetime) -> int:
    """What happens by itself: pauses end, and devices of those who are gone are asked back. How many came back."""
    came = 0
    while True:
        async with database.transaction(who) as db:
            back = await statuses.back(db, now)
            for one in back:
                await _bring_back(db, who, one, now)
        came += len(back)
        if not back:
            break
    async with database.transaction(who) as db:
        await _ask_back(db, now)
    return came


async def _bring_back(db: Db, who: Who, one: statuses.Back, now: datetime) -> None:
    state = await _resumed(db, one.patient_id, one.until)
    new = New(
        organization_id=one.organization_id, patient_id=one.patient_id, state=state, reason=BY_ITSELF, note="",
        changed_by=who.principal,
    )  # fmt: skip
    await statuses.record(db, new, now)
    await alarms.raise_alarm(db, one.organization_id, BACK_KIND, one.mrn, "low", SAYS_BACK, now)
    await _told(db, who, new, "patient.status", now)


async def _resumed(db: Db, patient: uuid.UUID, at: datetime) -> State:
    """Monitored again: nothing from before counts as usual, as silence, or as a reminder's reason."""
    await baselines.forget(db, patient, at)
    return State(status="active", rebaseline_from=at)


async def _ask_back(db: Db, now: datetime) -> None:
    gone = [_to_return(one) for one in await statuses.gone_with_devices(db, RETURN_KIND, ASKED_AGAIN_AFTER, now)]
    changed = set(await alarms.keep(db, gone, now))
    called_for = {(one.organization_id, one.subject) for one in gone}
    over = [one for one in await alarms.standing_subjects(db, RETURN_KIND) if one not in called_for]
    await alarms.settle(db, RETURN_KIND, over, RETURNED, now)
    await tell(db, *(Event(topic="worklist", organization=one) for one in changed | {org for org, _ in over}))


def _to_return(one: Gone) -> Alarm:
    why = "has died" if one.status == "deceased" else "has left"
    ask = "Arrange the return gently, with the family" if one.status == "deceased" else "Take back what is ours"
    return Alarm(
        organization_id=one.organization_id, kind=RETURN_KIND, subject=one.mrn, severity="low",
        says=f"This patient {why} and still has on loan: {', '.join(one.devices)}. {ask}; until then what comes from "
        "there is stored and judged as theirs.",
    )  # fmt: skip


async def _open(
    db: Db, patient_id: uuid.UUID, seen: uuid.UUID | None
) -> tuple[Patient, State, list[Change]]:  # fmt: skip
    """Locked, and still as the person saw it."""
    state = await statuses.lock(db, patient_id)
    patient = await patients.get(db, patient_id)
    if state is None or patient is None:
        raise NotFound(NO_PATIENT)
    changes = await statuses.history(db, patient_id, 2)
    if seen != (changes[0].id if changes else None):
        raise Conflict(MEANWHILE)
    return patient, state, changes


def _check(asked: Asked) -> None:
    if asked.reason not in statuses.REASONS[asked.status]:
        raise Invalid("Choose why.")
    if asked.reason == "other" and not asked.note.strip():
        raise Invalid("Say in the note what the other reason is.")
    if asked.status == "deceased" and not asked.sure:
        raise Invalid("Tick that you have made sure: every text to the patient and the family ends with it.")


def _until(asked: Asked, zone: str, now: datetime) -> datetime | None:
    """The beginning of the day they are back, on the patient's own clock."""
    if asked.status != "paused" or asked.back_on is None:
        return None
    until = datetime.combine(asked.back_on, time(), ZoneInfo(zone)).astimezone(UTC)
    if not now < until <= now + LONGEST_PAUSE:
        raise Invalid("The day they are back is after today, and within a year. Leave it empty if nobody knows.")
    return until


async def _told(db: Db, who: Who, new: New, action: str, now: datetime) -> None:
    detail = {"status": new.state.status, "reason": new.reason}
    subject = f"patient:{new.patient_id}"
    await audit.note(db, who, new.organization_id, action, subject, now, patient=new.patient_id, detail=detail)
    await tell(
        db,
        Event(topic="worklist", organization=new.organization_id, patient=new.patient_id),
        Event(topic="patient", organization=new.organization_id, patient=new.patient_id),
    )
