"""A patient says that they took what they were reminded of, or did not; twice not in a row, and somebody calls."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifications.inbox import Reply
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows import texted_reading
from server.flows.texted_reading import Took
from server.outreach import intakes, tasks
from server.outreach.intakes import Asked
from server.people import patients, unclear_texts
from server.people.contacts import Contact
from server.people.conversations import Deed
from server.people.unclear_texts import ANSWER_WITHIN, Unclear

SAYS = "A patient says for the second time in a row that what they were reminded of was not taken. Call and ask why."


async def heard(db: Db, reply: Reply, people: Sequence[Contact], taken: bool, now: datetime) -> Took | None:
    """None when nobody with this number was reminded lately. Two who were, and have not answered, are asked."""
    asked = await intakes.asked(db, reply.organization_id, reply.from_hash, reply.received_at)
    waiting = [one for one in asked if not one.answered] or asked
    if not waiting:
        return None
    if len(waiting) > 1:
        return await _whose(db, reply, people, waiting, taken, now)
    return await _record(db, waiting[0], taken, now)


async def answered(db: Db, reply: Reply, asked: Sequence[Unclear], choice: int, now: datetime) -> Took | None:
    """ "1": it was the first of those they were asked about."""
    one = asked[-1]
    patient = one.people[choice - 1]
    await unclear_texts.settle(db, [each.id for each in asked], "filed", now, patient)
    reminded = await intakes.asked(db, reply.organization_id, reply.from_hash, one.measured_at)
    found = next((each for each in reminded if each.patient_id == patient), None)
    return await _record(db, found, bool(one.said["taken"]), now) if found else None


async def _record(db: Db, asked: Asked, taken: bool, now: datetime) -> Took:
    """Said again it counts as said last."""
    await intakes.record(db, asked.patient_id, asked.reminders, taken, "text", now)
    patient = await patients.get(db, asked.patient_id)
    assert patient is not None
    if not taken and await intakes.not_taken_in_a_row(db, patient.id):
        tomorrow = now.astimezone(ZoneInfo(patient.zone)).date() + timedelta(days=1)
        await tasks.open_task(
            db, organization=patient.organization_id, kind="not_taken_call", subject=str(patient.id), says=SAYS,
            now=now, patient=patient.id, due_on=tomorrow,
        )  # fmt: skip
    await tell(db, Event(topic="patient", organization=patient.organization_id, patient=patient.id))
    deed = Deed(deed="intake_taken" if taken else "intake_not_taken", patient_id=patient.id)
    return Took(answer="after_taken" if taken else "after_not_taken", deeds=[deed], alone=True)


async def _whose(
    db: Db, reply: Reply, people: Sequence[Contact], waiting: Sequence[Asked], taken: bool, now: datetime
) -> Took:
    """Both were reminded by one telephone: nothing is written down for the wrong one."""
    ids: list[uuid.UUID] = [one.patient_id for one in waiting]
    names = texted_reading.choices([person for person in people if person.patient_id in ids])
    before = await unclear_texts.standing(db, reply.organization_id, reply.from_hash, now)
    await texted_reading.give_to_staff(db, before, now)
    unclear = Unclear(
        id=uuid7(), organization_id=reply.organization_id, reply_id=reply.id, from_hash=reply.from_hash,
        to_number=reply.to_number, asks="who", kind="intake", said={"taken": taken},
        people=[person.patient_id for person in people if person.patient_id in ids], measured_at=reply.received_at,
        deadline=now + ANSWER_WITHIN,
    )  # fmt: skip
    await unclear_texts.keep(db, [unclear])
    if names is None:
        await texted_reading.give_to_staff(db, [unclear], now)
        return Took(deeds=[Deed(deed="task")], alone=True)
    return Took(asks="ask_who", choices=names, deeds=[Deed(deed="asked_back")], alone=True)
