"""What the provider reports about a text: kept, and the message moved forward; a failed page is made loud."""

import uuid
from datetime import datetime

import msgspec

from notifications import attempts, receipts, telephones
from notifications.receipts import Moved
from notifications.refusals import Refusal, draw_consequences
from notifications.sender import SAYS_PAGE_FAILED
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.findings import Severity
from server.outreach import tasks

PROVIDER = "service:provider"
ARRIVED_LATE = "The provider said later that it arrived."
NOT_PICKED_UP = {"no-answer", "busy", "canceled"}

CALLS_IN_A_ROW = 3
SAYS_NOT_PICKED_UP = (
    "Our last calls to this patient were not picked up. Call them at another hour, or print the letter from “How to "
    "reach”, and find a number."
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One status callback, of a text or of a call. `from_number` is ours, as the policy asks for an opt-out by it."""

    sid: str
    status: str
    error_code: str | None
    from_number: str


async def handle(db: Db, attempt: uuid.UUID, report: Report, now: datetime) -> bool:
    """True when it moved the message. A repeated or late report, or a word we do not know, changes nothing."""
    status = receipts.MEANS.get(report.status)
    if status is None or not await receipts.store(db, uuid7(), attempt, report.status, report.error_code, now):
        return False
    # It may overtake the provider's own answer: then this is how we learn that the attempt was accepted.
    await attempts.finish(db, attempt, "accepted", now, sid=report.sid, code=report.error_code)
    moved = await receipts.advance(db, attempt, status, report.error_code)
    if moved is not None and status == "failed":
        await _failed(db, moved, report, now)
    if moved is not None and status == "delivered":
        await tasks.moot(db, moved.organization_id, "text_unresolved", str(moved.id), PROVIDER, ARRIVED_LATE, now)
    return moved is not None


async def _failed(db: Db, moved: Moved, report: Report, now: datetime) -> None:
    if report.error_code is not None:
        refusal = Refusal(
            organization_id=moved.organization_id, purpose=moved.purpose, channel=moved.channel,
            patient_id=moved.patient_id, to_hash=moved.to_hash, from_number=report.from_number, code=report.error_code,
        )  # fmt: skip
        await draw_consequences(db, refusal, raise_alarm, tasks.open_task, now)
    elif moved.channel == "voice" and moved.purpose == "reminder" and moved.patient_id is not None:
        await _not_picked_up(db, moved, moved.patient_id, now)
    # Nobody picked up: that is what the next step is for. A text or a call that cannot arrive needs a person.
    if moved.purpose == "page" and report.status not in NOT_PICKED_UP:
        subject = str(moved.alert_id or moved.id)
        await raise_alarm(db, moved.organization_id, "page_failed", subject, "high", SAYS_PAGE_FAILED, now)


async def _not_picked_up(db: Db, moved: Moved, patient: uuid.UUID, now: datetime) -> None:
    """Busy, or nobody at home, says nothing of the number; several times in a row a person should try another way."""
    calls = await telephones.unanswered(db, patient, moved.to_hash)
    if calls and calls % CALLS_IN_A_ROW == 0:
        await tasks.open_task(
            db, organization=moved.organization_id, kind="unreachable", subject=f"patient:{patient}",
            says=SAYS_NOT_PICKED_UP, now=now, patient=patient,
        )  # fmt: skip


async def raise_alarm(
    db: Db, organization: uuid.UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
) -> None:
    """An alarm, and the worklists told of it."""
    await alarms.raise_alarm(db, organization, kind, subject, severity, says, now)
    await tell(db, Event(topic="worklist", organization=organization))
