"""A safety text that does not arrive in two minutes becomes a call, and a call that nobody hears becomes a person's.

It fits the confirm loop so: that loop pages staff of the alert itself, at once or when its text does not arrive, so
here a question only becomes a call, and no second page. Every step and what follows from it are one commit.
"""

from collections.abc import Sequence
from datetime import datetime

from notifications import outbox, speech, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows import ask, cry
from server.flows.cry import Cry
from server.flows.page import Told
from server.monitoring import targets
from server.outreach import safety, tasks, wordings
from server.outreach.safety import Safety, Untold
from server.outreach.wordings import Owns
from server.security import audit

KIND = "patient_unreached"
SAYS = "A safety message did not reach this patient, nor did a call. Call them now."
SAYS_UNKNOWN = "A safety message did not reach {number}, which no patient has, nor did a call. Call that number now."


async def watch(database: Database, who: Who, now: datetime, told: Told) -> int:
    """Move on every safety message something is to be done about; returns how many. Any number of workers may."""
    moved = 0
    while True:
        async with database.transaction(who) as db:
            untold = await _call_untold(db, now)
            due = await safety.due(db, now)
            for one in due:
                await _move(db, who, one, now, told)
            await safety.settle(db, [one.id for one in due], now)
        moved += len(due) + untold
        if not due:
            return moved


async def _move(db: Db, who: Who, one: Safety, now: datetime, told: Told) -> None:
    step = safety.step(one, now)
    if step == "call":
        await _put(db, [_call(one, now)])
    elif step == "person":
        await _tell_a_person(db, who, one, now, told)
    if step in {"call", "person"}:
        await audit.note(
            db, who, one.organization_id, f"safety.{step}", f"message:{one.id}", now, patient=one.patient_id
        )


async def _put(db: Db, messages: Sequence[Message]) -> int:
    new = await outbox.put(db, messages)
    if new:
        await tell(db, Event(topic="outbox"))
    return len(new)


def _call(one: Safety, now: datetime) -> Message:
    """The same words, spoken. The database lets there be one."""
    return Message(
        id=uuid7(), organization_id=one.organization_id, purpose="safety", unique_for=f"call:{one.unique_for}",
        channel="voice", patient_id=one.patient_id, to_number=one.to_number, to_hash=one.to_hash, wording=one.wording,
        wording_version=one.wording_version, language=one.language, body=speech.spoken(one.body), not_before=now,
        created_at=now,
    )  # fmt: skip


async def _call_untold(db: Db, now: datetime) -> int:
    untold = await safety.untold(db, now)
    own = await wordings.of_each(db, {one.organization_id for one in untold})
    return await _put(db, [_untold_call(one, now, own[one.organization_id]) for one in untold])


def _untold_call(one: Untold, now: datetime, own: Owns) -> Message:
    text = wording.render(
        ask.name_of(one.asks, pregnancy=one.pregnancy), one.language, own, clinic=one.clinic,
        rest=str(targets.defaults().rest_minutes),
    )  # fmt: skip
    return Message(
        id=uuid7(), organization_id=one.organization_id, purpose="safety", unique_for=f"call:ask:{one.id}",
        channel="voice", patient_id=one.patient_id, to_number=one.phone, to_hash=one.phone_hash, wording=text.name,
        wording_version=text.version, language=text.language, body=speech.spoken(text.body), not_before=now,
        created_at=now,
    )  # fmt: skip


async def _tell_a_person(db: Db, who: Who, one: Safety, now: datetime, told: Told) -> None:
    """A task always; an alarm and a page unless somebody was paged about this patient already."""
    subject = f"patient:{one.patient_id}" if one.patient_id else one.subject
    says = SAYS if one.patient_id else SAYS_UNKNOWN.format(number=one.to_number)
    await tasks.open_task(
        db, organization=one.organization_id, kind="call_patient", subject=subject, says=says, now=now,
        patient=one.patient_id,
    )  # fmt: skip
    if one.told:
        return
    cried = Cry(
        organization_id=one.organization_id, kind=KIND, subject=one.subject, says=says, event=f"unreached:{one.id}",
        wording="page_unreached", team_id=one.team_id, patient_id=one.patient_id,
    )  # fmt: skip
    await cry.hear(db, who, cried, now, told)
