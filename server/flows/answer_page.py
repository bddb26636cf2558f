"""Staff answer a page from their telephone: their newest one is acknowledged in their name, once."""

from datetime import datetime

from notifications import outbox, pages, wording
from notifications.inbox import Reply
from notifications.messages import Message
from notifications.pages import Paged
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db, Who
from server.monitoring import alarms, alerts, worklist
from server.monitoring.worklist import Standing
from server.security import audit


async def take(db: Db, reply: Reply, now: datetime, public_url: str) -> bool:
    """True when the text was a staff member's answer to a page: then it is dealt with."""
    if not pages.takes(reply.body):
        return False
    paged = await pages.newest_to(db, reply.organization_id, reply.from_hash, now)
    if paged is None:
        return False
    text = "page_taken" if await _acknowledge(db, paged, now) else await _too_late(db, paged)
    if text == "page_taken":
        await _note(db, reply, paged, now)
    if text is not None:
        await outbox.put(db, [_answer(reply, paged, text, now, public_url)])
        await tell(db, Event(topic="outbox"))
    return True


async def _acknowledge(db: Db, paged: Paged, now: datetime) -> bool:
    if paged.alert_id is not None and paged.patient_id is not None:
        return await alerts.acknowledge(db, paged.patient_id, paged.alert_id, paged.staff_id, now)
    return paged.alarm_id is not None and await alarms.acknowledge_alarm(db, paged.alarm_id, paged.staff_id, now)


async def _too_late(db: Db, paged: Paged) -> str | None:
    """Who answers twice hears nothing more; who comes second is told."""
    standing: Standing | None = None
    if paged.alert_id is not None and paged.patient_id is not None:
        standing = await worklist.alert_standing(db, paged.patient_id, paged.alert_id)
    elif paged.alarm_id is not None:
        standing = await worklist.alarm_standing(db, paged.alarm_id)
    mine = standing is not None and paged.staff_id in {standing.acknowledged_by, standing.resolved_by}
    return None if standing is None or mine else "page_taken_by_other"


async def _note(db: Db, reply: Reply, paged: Paged, now: datetime) -> None:
    """In the audit it is the staff member who did it, and by which text."""
    who = Who(principal=f"staff:{paged.staff_id}", organization=reply.organization_id)
    kind, answered = ("alert", paged.alert_id) if paged.alert_id else ("alarm", paged.alarm_id)
    await audit.note(
        db, who, reply.organization_id, f"{kind}.acknowledge", f"{kind}:{answered}", now, patient=paged.patient_id,
        detail={"reply": str(reply.id)},
    )  # fmt: skip
    await tell(db, Event(topic="worklist", organization=reply.organization_id, patient=paged.patient_id))


def _answer(reply: Reply, paged: Paged, name: str, now: datetime, public_url: str) -> Message:
    text = wording.render(name, "en", url=f"{public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=reply.organization_id, purpose=text.purpose, unique_for=f"reply:{reply.id}",
        staff_id=paged.staff_id, to_number=reply.from_number, to_hash=reply.from_hash, wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
