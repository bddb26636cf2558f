"""What a text says beside danger and wishes to stop: done, booked, taken, later, not for me; the rest is a person's."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from notifications import telephones
from notifications.inbox import Reply
from server.db.events import Event, tell
from server.db.pool import Db
from server.flows import intake
from server.flows.heard import Heard
from server.flows.texted_reading import NOTHING, Took
from server.gaps import last_asked, reports, wishes
from server.monitoring import alarms
from server.outreach import tasks
from server.outreach.tasks import NewTask
from server.people import conversations
from server.people.conversations import Deed, DeedName

SAYS_MESSAGE = "A patient sent a text message that needs a person to read it."
SAYS_HALF = (
    "Patients' texts are understood by fixed rules alone, and danger in unusual words may be missed: read every text."
    " The administrator should install Careloop again."
)
SAYS_CALL = "A patient asks for a call."
SAYS_WRONG = "Somebody says that this is not the patient's number. Nothing goes there until it is checked."
SAYS_CORRECT = (
    "Somebody at this patient's number says that it is not theirs, so texts and calls there have stopped. Find the"
    " right number, or let this one be tried again under “How to reach”."
)
SAYS_REFILL = "A patient says they picked up their next supply. Enter the fill when the pharmacy shows it."
SAYS_NOT_FOR_ME = "A patient says that what we remind them of is not for them. Ask why, and enter what is true."
LATELY = timedelta(hours=1)  # so long "done" is said of the second reading, not of a screening
REFILL_SHOWS = timedelta(days=7)


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a text: how it is answered and what is asked, the gap that now awaits evidence, what was done."""

    answer: str | None = None
    asks: str | None = None
    choices: str = ""
    gap: uuid.UUID | None = None
    deeds: Sequence[Deed] = ()


async def ordinary(db: Db, heard: Heard, took: Took, now: datetime) -> Came:
    """What nobody understood goes to a person."""
    if heard.said.answer == "no_symptoms" and len(heard.asked) == 1:
        return Came(answer="after_no_symptoms")
    if heard.answered is not None and took is not NOTHING:
        return Came(answer=took.answer)
    found = await _understood(db, heard, now)
    if found is not None:
        return found
    if took.alone:
        return Came(answer=took.answer)
    return await _to_staff(db, heard, took, now)


async def _understood(db: Db, heard: Heard, now: datetime) -> Came | None:
    match heard.said.meaning:
        case "help":
            return Came(answer="help")
        case "done" | "booked" if not any(now - one.asked_at < LATELY for one in heard.asked):
            return await _done(db, heard, now)
        case "taken" | "not_taken":
            return await _taken(db, heard, now)
        case "later" | "not_for_me":
            return await _not_now(db, heard, now)
        case "call_me":
            await alarm(db, heard, "patient_wants_call", SAYS_CALL, now)
            return Came(answer="after_call_me", deeds=[Deed(deed="wants_call")])
        case "wrong_number":
            return await wrong_number(db, heard, now)
    return None


async def wrong_number(db: Db, heard: Heard, now: datetime) -> Came:
    """Like a number that the provider calls bad: nothing goes there until staff correct it or try it again.

    Beside an opt-out, which ends the texts, its one confirmation must still get out.
    """
    organization, hashed = heard.reply.organization_id, heard.reply.from_hash
    if heard.people and not heard.said.says("opt_out"):
        await telephones.cannot_text(db, organization, hashed, "wrong_number", now, landline=False)
    if heard.people:
        await telephones.cannot_call(db, organization, hashed, "wrong_number", now)
    await tasks.open_tasks(db, [_correct(organization, person.patient_id) for person in heard.people], now)
    await alarm(db, heard, "wrong_number", SAYS_WRONG, now)
    return Came(deeds=[Deed(deed="wrong_number")])


def _correct(organization: uuid.UUID, patient: uuid.UUID) -> NewTask:
    return NewTask(
        organization_id=organization, kind="bad_number", subject=str(patient), says=SAYS_CORRECT, patient_id=patient
    )


async def _done(db: Db, heard: Heard, now: datetime) -> Came | None:
    """A gap awaits evidence then; a refill, the pharmacy's record. The patient's word alone closes nothing."""
    reply = heard.reply
    one = last_asked.done_is_of(
        await last_asked.of_number(db, reply.organization_id, reply.from_hash, reply.received_at)
    )
    if one is None:
        return None
    if one.gap_id is None:
        return await _refilled(db, reply, one.patient_id, now) if heard.said.meaning == "done" else None
    if not await reports.report_done(db, one.patient_id, one.gap_id, now):
        return None
    deed = Deed(deed="gap_reported", patient_id=one.patient_id, subject_id=one.gap_id)
    return Came(answer=f"after_{heard.said.meaning}", gap=one.gap_id, deeds=[deed])


async def _refilled(db: Db, reply: Reply, patient: uuid.UUID, now: datetime) -> Came:
    await tasks.open_task(
        db, organization=reply.organization_id, kind="refill_said_done", subject=str(patient), says=SAYS_REFILL,
        now=now, patient=patient, due_on=(now + REFILL_SHOWS).date(),
    )  # fmt: skip
    return Came(answer="after_refill", deeds=[Deed(deed="refill", patient_id=patient)])


async def _taken(db: Db, heard: Heard, now: datetime) -> Came | None:
    took = await intake.heard(db, heard.reply, heard.people, heard.said.meaning == "taken", now)
    if took is None:
        return None
    return Came(answer=took.answer, asks=took.asks, choices=took.choices, deeds=took.deeds)


async def _not_now(db: Db, heard: Heard, now: datetime) -> Came | None:
    """The gap stays open. Later: no text about it for a week. Not for me: none this period, and a person asks why."""
    about = await wishes.reminded_of(db, heard.reply.organization_id, heard.reply.from_hash, heard.reply.received_at)
    one = next((each for each in about if each.gap_id is not None), None)
    if one is None or one.gap_id is None or len({each.patient_id for each in about if each.gap_id}) > 1:
        return None
    why: Literal["later", "not_for_me"] = "later" if heard.said.meaning == "later" else "not_for_me"
    if not await wishes.no_texts(db, one.patient_id, one.gap_id, why, now):
        return None
    if why == "not_for_me":
        await tasks.open_task(
            db, organization=heard.reply.organization_id, kind="gap_not_for_me", subject=str(one.gap_id),
            says=SAYS_NOT_FOR_ME, now=now, patient=one.patient_id,
        )  # fmt: skip
    name: DeedName = "gap_later" if why == "later" else "gap_not_for_me"
    deed = Deed(deed=name, patient_id=one.patient_id, subject_id=one.gap_id)
    return Came(answer=f"after_{why}", deeds=[deed])


async def _to_staff(db: Db, heard: Heard, took: Took, now: datetime) -> Came:
    """On the worklist, low. The patient hears when people read, once a day at most."""
    await alarm(db, heard, "patient_message", SAYS_MESSAGE, now)
    reply = heard.reply
    told = not heard.people or await conversations.told_answer_time(db, reply.organization_id, reply.from_hash, now)
    return Came(answer=took.answer or (None if told else "answer_time"), deeds=[Deed(deed="to_staff")])


async def half_understood(db: Db, heard: Heard, now: datetime) -> Came:
    """A person reads it too, and somebody mends what ails the classifier."""
    organization = heard.reply.organization_id
    await alarms.raise_alarm(db, organization, "texts_half_understood", "classifier", "high", SAYS_HALF, now)
    await alarm(db, heard, "patient_message", SAYS_MESSAGE, now)
    return Came(deeds=[Deed(deed="to_staff")])


async def alarm(db: Db, heard: Heard, kind: str, says: str, now: datetime) -> None:
    organization = heard.reply.organization_id
    await alarms.raise_alarm(db, organization, kind, heard.subject, "low", says, now)
    await tell(db, Event(topic="worklist", organization=organization))
