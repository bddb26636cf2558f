"""Staff answer a page from their telephone, by text or by a key: it is acknowledged in their name, once."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from notifications import outbox, pages, wording
from notifications.inbox import Reply
from notifications.messages import Message
from notifications.pages import Paged
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db, Who
from server.monitoring import alarms, alerts, how_far
from server.monitoring.how_far import Standing
from server.people import page_tests
from server.security import audit

TAKE = "1"  # the key that takes it


async def take(db: Db, reply: Reply, now: datetime, public_url: str) -> bool:
    """True when the text was a staff member's answer to a page: then it is dealt with."""
    if not pages.takes(reply.body):
        return False
    paged = await pages.sent_to(db, reply.organization_id, reply.from_hash, now)
    tested = await page_tests.newest_to(db, reply.organization_id, reply.from_hash, now)
    if tested is not None and (not paged or tested.at > paged[0].at):
        await _confirm(db, reply, tested, now, public_url)
        return True
    if not paged:
        return False
    answer = await _take_one(db, reply, paged, now, public_url)
    if answer is not None:
        await outbox.put(db, [answer])
        await tell(db, Event(topic="outbox"))
    return True


async def _take_one(
    db: Db, reply: Reply, paged: Sequence[Paged], now: datetime, public_url: str
) -> Message | None:  # fmt: skip
    """The newest that nobody has yet, and what to answer: which it was, and how many more wait."""
    waiting = [one for one in paged if one.waits]
    for place, one in enumerate(waiting, 1):
        if await _acknowledge(db, one, now):
            await _note(db, reply.organization_id, one, {"reply": str(reply.id)}, now)
            more = len(waiting) - place
            name = "page_taken_more" if more else "page_taken"
            return _answer(reply, one.staff_id, name, now, public_url, time=one.clock, more=str(more))
    name_too_late = await _too_late(db, paged[0])
    return _answer(reply, paged[0].staff_id, name_too_late, now, public_url) if name_too_late else None


async def hear(db: Db, attempt: uuid.UUID) -> str | None:
    """What somebody who picked up hears and is asked; `None` when nothing is to be taken any more."""
    paged = await pages.of_call(db, attempt)
    standing = await _standing(db, paged) if paged else None
    if standing is None or standing.status != "open":
        return None
    return await pages.spoken(db, attempt)


async def press(db: Db, organization: uuid.UUID, attempt: uuid.UUID, key: str, now: datetime) -> str:
    """Somebody who was called pressed a key; the name of the words they hear. Pressing again says the same again."""
    if key != TAKE:
        return "call_not_taken"
    paged = await pages.of_call(db, attempt)
    if paged is None:
        return "call_over"
    if await _acknowledge(db, paged, now):
        await _note(db, organization, paged, {"call": str(attempt)}, now)
        return "call_taken"
    standing = await _standing(db, paged)
    if standing is None:
        return "call_over"
    return "call_taken" if _is_theirs(standing, paged) else "call_taken_by_other"


async def _confirm(db: Db, reply: Reply, tested: page_tests.Tested, now: datetime, public_url: str) -> None:
    """The weekly test reached them: said once."""
    if await page_tests.answer(db, tested.staff_id, tested.monday, now):
        await outbox.put(db, [_answer(reply, tested.staff_id, "test_page_confirmed", now, public_url)])
        await tell(db, Event(topic="outbox"))


async def _acknowledge(db: Db, paged: Paged, now: datetime) -> bool:
    if paged.alert_id is not None and paged.patient_id is not None:
        return await alerts.acknowledge(db, paged.patient_id, paged.alert_id, paged.staff_id, now)
    return paged.alarm_id is not None and await alarms.acknowledge_alarm(db, paged.alarm_id, paged.staff_id, now)


async def _too_late(db: Db, paged: Paged) -> str | None:
    """Who answers twice hears nothing more; who comes second is told."""
    standing = await _standing(db, paged)
    return None if standing is None or _is_theirs(standing, paged) else "page_taken_by_other"


async def _standing(db: Db, paged: Paged) -> Standing | None:
    if paged.alert_id is not None and paged.patient_id is not None:
        return await how_far.of_alert(db, paged.patient_id, paged.alert_id)
    return await how_far.of_alarm(db, paged.alarm_id) if paged.alarm_id is not None else None


def _is_theirs(standing: Standing, paged: Paged) -> bool:
    return paged.staff_id in {standing.acknowledged_by, standing.resolved_by}


async def _note(db: Db, organization: uuid.UUID, paged: Paged, by: dict[str, str], now: datetime) -> None:
    """In the audit it is the staff member who did it, and by which text or call."""
    who = Who(principal=f"staff:{paged.staff_id}", organization=organization)
    kind, answered = ("alert", paged.alert_id) if paged.alert_id else ("alarm", paged.alarm_id)
    await audit.note(
        db, who, organization, f"{kind}.acknowledge", f"{kind}:{answered}", now, patient=paged.patient_id, detail=by
    )
    await tell(db, Event(topic="worklist", organization=organization, patient=paged.patient_id))


def _answer(
    reply: Reply, staff: uuid.UUID, name: str, now: datetime, public_url: str, time: str = "", more: str = ""
) -> Message:  # fmt: skip
    text = wording.render(name, "en", url=f"{public_url}/worklist", time=time, more=more)
    return Message(
        id=uuid7(), organization_id=reply.organization_id, purpose=text.purpose, unique_for=f"reply:{reply.id}",
        staff_id=staff, to_number=reply.from_number, to_hash=reply.from_hash, wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
