"""The page that somebody's short answer from their telephone is about."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from notifications.replies import plain

TAKES = frozenset(
    {"1", "ok", "okay", "k", "ack", "acknowledge", "acknowledged", "taken", "got it", "on it", "i have it"}
)
TAKES_IN_SPANISH = frozenset({"vale", "la tomo", "lo tomo", "tomada", "recibido"})
ANSWERED_WITHIN = timedelta(hours=24)

# What a telephone was paged for last. The number must be the staff member's still: who has it now may be somebody else.
NEWEST_TO = """
    SELECT m.staff_id, m.alert_id, m.alarm_id, a.patient_id, m.created_at AS at
      FROM message m
      JOIN staff s ON s.id = m.staff_id AND s.disabled_at IS NULL AND s.phone = m.to_number
      LEFT JOIN alert a ON a.organization_id = m.organization_id AND a.id = m.alert_id
     WHERE m.organization_id = $1 AND m.to_hash = $2 AND m.purpose = 'page' AND m.created_at > $3
       AND (m.alert_id IS NOT NULL OR m.alarm_id IS NOT NULL)
       AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
     ORDER BY m.created_at DESC, m.id DESC LIMIT 1
"""


# The page that one call is about, while its number is still that staff member's.
OF_CALL = """
    SELECT m.staff_id, m.alert_id, m.alarm_id, a.patient_id, m.created_at AS at
      FROM attempt t
      JOIN message m ON m.id = t.message_id AND m.purpose = 'page' AND m.channel = 'voice'
      JOIN staff s ON s.id = m.staff_id AND s.disabled_at IS NULL AND s.phone = m.to_number
      LEFT JOIN alert a ON a.organization_id = m.organization_id AND a.id = m.alert_id
     WHERE t.id = $1 AND (m.alert_id IS NOT NULL OR m.alarm_id IS NOT NULL)
"""
SPOKEN = """
    SELECT m.body FROM attempt t JOIN message m ON m.id = t.message_id WHERE t.id = $1 AND m.channel = 'voice'
"""


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the page went to, and what it was about: an alert of a patient, or an alarm."""

    staff_id: uuid.UUID
    alert_id: uuid.UUID | None
    alarm_id: uuid.UUID | None
    patient_id: uuid.UUID | None
    at: datetime


def takes(text: str) -> bool:
    """Does this text say "I am dealing with it"? Only short answers that can mean nothing else."""
    return plain(text) in TAKES | TAKES_IN_SPANISH


async def newest_to(db: Any, organization: uuid.UUID, to_hash: bytes, now: datetime) -> Paged | None:
    """The newest page that went out to this telephone in the last day."""
    row = await db.fetchrow(NEWEST_TO, organization, to_hash, now - ANSWERED_WITHIN)
    return Paged(**dict(row)) if row else None


async def of_call(db: Any, attempt: uuid.UUID) -> Paged | None:
    """What somebody who was called is asked to take."""
    row = await db.fetchrow(OF_CALL, attempt)
    return Paged(**dict(row)) if row else None


async def spoken(db: Any, attempt: uuid.UUID) -> str | None:
    """The words of that call; `None` when it is no call of ours."""
    body: str | None = await db.fetchval(SPOKEN, attempt)
    return body
