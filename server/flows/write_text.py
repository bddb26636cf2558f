"""A person of the care team writes to a patient in their own words: once, whoever presses twice, and not at night."""

import re
import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from notifications import facts, outbox, policy, quiet_hours
from notifications.law import law
from notifications.messages import Message
from notifications.policy import Facts, Suppress
from notifications.replies import plain
from notifications.segments import cost
from notifications.wording.checks import HEALTH, HEALTH_WHOLE, VALUE
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound
from server.flows.answering import answering
from server.flows.look import NO_PATIENT
from server.people import conversations, patients
from server.people.patients import Patient
from server.security import audit
from server.security.sessions import Person

MOST_SEGMENTS = 3
JUST_WROTE = timedelta(hours=24)  # so long after their own text an answer at night is expected, if a person says so
EMPTY = "Write what the patient should read."
LONG = "This is {segments} text messages long. Make it shorter, {most} at most: who reads it has a small screen."
HINT = (
    "This may tell others about their health: {words}. Anybody may read the telephone. Say it without, or tick that it"
    " may go."
)
NIGHT = "It is {clock} for the patient, and they did not write within a day. It can only go when their hours open."
BARRED = {
    "no_number": "No telephone number is known. Enter one first.",
    "opted_out": "They asked for no more texts from us, or their provider blocks them. Call instead.",
    "cannot_text": "This number cannot get texts. Call instead.",
    "deceased": "The patient has died. Nothing is sent to this number.",
}


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed. `token` is the page's own, so that a form sent twice is one text. `sure`: its words may go as
    they are; `at_night`: now, though it is outside the patient's hours."""

    body: str
    token: uuid.UUID
    sure: bool = False
    at_night: bool = False


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """When a text written now would go: at once, or when the patient's hours open. `may_now`: they wrote lately."""

    opens: datetime | None
    may_now: bool


async def write(
    database: Database, person: Person, patient_id: uuid.UUID, draft: Draft, now: datetime, default_sender: str
) -> datetime:
    """When it goes. `Invalid` and `Conflict` say what to change, and nothing was written."""
    body = draft.body.strip()
    _check(body, sure=draft.sure)
    async with answering(database, person, "patient.text", patient_id, now) as db:
        patient = await patients.get(db, patient_id)
        if patient is None:
            raise NotFound(NO_PATIENT)
        message = _message(person, patient, body, draft.token, now)
        if not await outbox.put(db, [message]):
            return now  # pressed twice: it is on its way
        known, _ = await facts.of(db, message.id, default_sender, now)
        goes = await _goes(db, patient, known, draft, now)
        assert person.staff_id is not None
        await conversations.sign(db, message.id, person.staff_id, goes)
        detail = {"message": str(message.id), "segments": str(cost(message.body).segments)}
        await audit.note(
            db, person.who, person.organization, "patient.text", f"patient:{patient.id}", now, patient=patient.id,
            detail=detail | ({"outside_hours": "now"} if draft.at_night else {}),
        )  # fmt: skip
        patient_event = Event(topic="patient", organization=person.organization, patient=patient.id)
        await tell(db, Event(topic="outbox"), patient_event)
    return goes


def _check(body: str, *, sure: bool) -> None:
    if not body:
        raise Invalid(EMPTY)
    segments = cost(body).segments
    if segments > MOST_SEGMENTS:
        raise Invalid(LONG.format(segments=segments, most=MOST_SEGMENTS))
    if not sure and (words := health_words(body)):
        raise Invalid(HINT.format(words=", ".join(words)))


def health_words(body: str) -> list[str]:
    """What in it may tell why somebody is a patient: words, and numbers with a unit."""
    words = [
        word
        for word in re.findall(r"[^\W_]+", body)
        if (bare := plain(word)).startswith(HEALTH) or bare in HEALTH_WHOLE
    ]
    return list(dict.fromkeys([*words, *VALUE.findall(body)]))


async def _goes(db: Db, patient: Patient, known: Facts, draft: Draft, now: datetime) -> datetime:
    """Now, or when the patient's hours open; `Conflict` when it may never."""
    decision = policy.decide(known, now)
    if isinstance(decision, Suppress) and decision.status == "suppressed":
        raise Conflict(BARRED.get(decision.reason, "This text may not be sent now. Call instead."))
    hours = await hours_of(db, patient, known.region, known.own, now)
    if hours.opens is None or (draft.at_night and hours.may_now):
        return now
    if draft.at_night:
        raise Conflict(NIGHT.format(clock=f"{now.astimezone(ZoneInfo(patient.zone)):%H:%M}"))
    return hours.opens


async def hours_of(
    db: Db, patient: Patient, region: str | None, own: quiet_hours.Window | None, now: datetime
) -> Hours:
    """What becomes of a text that is written now."""
    whose = quiet_hours.Whose(zone=patient.zone, topic="monitoring", region=region, own=own)
    opens = quiet_hours.next_opening(now, whose, law().hours)
    wrote = await conversations.wrote_since(db, patient.id, patient.phone_hash, now - JUST_WROTE)
    return Hours(opens=None if opens == now else opens, may_now=wrote is not None)


def _message(person: Person, patient: Patient, body: str, token: uuid.UUID, now: datetime) -> Message:
    return Message(
        id=uuid7(), organization_id=patient.organization_id, purpose="answer", unique_for=f"staff:{token}",
        patient_id=patient.id, to_number=patient.phone or "", to_hash=patient.phone_hash or b"",
        wording="staff_text", wording_version=1, language=patient.language, body=f"{person.organization_name}: {body}",
        not_before=now, created_at=now,
    )  # fmt: skip
