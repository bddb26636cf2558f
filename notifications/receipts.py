"""What the provider reports about an attempt afterwards: kept as it came; a message's status only moves forward."""

import uuid
from datetime import datetime
from typing import Any, Literal

import msgspec

from notifications.messages import Channel, Purpose

Forward = Literal["sent", "delivered", "failed"]

# Twilio's words for our three, of texts and of calls. What comes before "sent" says only that the provider has it.
# A call that was "completed" was picked up, by whomever; that somebody heard it, only a pressed 1 says.
MEANS: dict[str, Forward] = {
    "accepted": "sent", "scheduled": "sent", "queued": "sent", "sending": "sent", "sent": "sent",
    "delivered": "delivered", "read": "delivered", "undelivered": "failed", "failed": "failed", "canceled": "failed",
    "initiated": "sent", "ringing": "sent", "in-progress": "sent", "completed": "delivered", "no-answer": "failed",
    "busy": "failed",
}  # fmt: skip

STORE = """
    INSERT INTO receipt (id, organization_id, attempt_id, status, error_code, received_at)
    SELECT $1, organization_id, id, $3, $4, $5 FROM attempt WHERE id = $2
    ON CONFLICT (attempt_id, status) DO NOTHING
    RETURNING true
"""
# A failure counts only for the newest attempt: an older one failing says nothing of the one under way.
ADVANCE = """
    UPDATE message m SET status = $2, reason = $3
      FROM attempt a
     WHERE a.id = $1 AND m.id = a.message_id
       AND CASE $2 WHEN 'sent' THEN m.status IN ('queued', 'sending', 'unknown')
                   WHEN 'delivered' THEN m.status IN ('queued', 'sending', 'unknown', 'sent')
                   ELSE m.status IN ('sending', 'unknown', 'sent') AND NOT EXISTS (
                        SELECT FROM attempt newer WHERE newer.message_id = m.id AND newer.started_at > a.started_at)
           END
    RETURNING m.id, m.organization_id, m.purpose, m.patient_id, m.alert_id, m.staff_id, m.to_hash,
              m.channel
"""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The message whose status moved."""

    id: uuid.UUID
    organization_id: uuid.UUID
    purpose: Purpose
    channel: Channel
    patient_id: uuid.UUID | None
    alert_id: uuid.UUID | None
    staff_id: uuid.UUID | None
    to_hash: bytes


async def store(
    db: Any, receipt: uuid.UUID, attempt: uuid.UUID, status: str, error_code: str | None, now: datetime
) -> bool:
    """False when this attempt had this status reported before."""
    return await db.fetchval(STORE, receipt, attempt, status, error_code, now) is True


async def advance(db: Any, attempt: uuid.UUID, status: Forward, reason: str | None) -> Moved | None:
    """Move the attempt's message forward; `None` when it is there or further already."""
    row = await db.fetchrow(ADVANCE, attempt, status, reason)
    return Moved(**dict(row)) if row else None
