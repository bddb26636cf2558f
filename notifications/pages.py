"""The page that somebody's short answer from their telephone is about."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from notifications.replies import plain

TAKES = frozenset(
    {"1", "ok", "okay", "k", "ack", "acknowledge", "acknowledged", "taken", "got it", "on it", "i have it"}
)
TAKES_IN_SPANISH = frozenset({"vale", "la tomo", "lo tomo", "tomada", "recibido"})
ANSWERED_WITHIN = timedelta(hours=24)

# What a telephone was paged for, and what the same page told of. The number must be the staff member's still: who has
# it now may be somebody else.
SENT_TO = """
    SELECT DISTINCT ON (coalesce(x.alert_id, m.alarm_id))
           m.staff_id, x.alert_id, m.alarm_id, a.patient_id, m.created_at AS at, o.zone,
           coalesce(a.status, b.status) = 'open' AS waits
      FROM message m
     CROSS JOIN LATERAL (
           SELECT m.alert_id UNION ALL SELECT w.id FROM alert w WHERE w.told_with = m.id) x (alert_id)
      JOIN organization o ON o.id = m.organization_id
      JOIN staff s ON s.id = m.staff_id AND s.disabled_at IS NULL AND s.phone = m.to_number
      LEFT JOIN alert a ON a.organization_id = m.organization_id AND a.id = x.alert_id
      LEFT JOIN alarm b ON b.organization_id = m.organization_id AND b.id = m.alarm_id
     WHERE m.organization_id = $1 AND m.to_hash = $2 AND m.purpose = 'page' AND m.created_at > $3
       AND (m.alert_id IS NOT NULL OR m.alarm_id IS NOT NULL)
       AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
     ORDER BY coalesce(x.alert_id, m.alarm_id), m.created_at DESC, m.id DESC
"""


# The page that one call is about, while its number is still that staff member's.
OF_CALL = """
    SELECT m.staff_id, m.alert_id, m.alarm_id, a.patient_id, m.created_at AS at, o.zone,
           coalesce(a.status, b.status) = 'open' AS waits
      FROM attempt t
      JOIN message m ON m.id = t.message_id AND m.purpose = 'page' AND m.channel = 'voice'
      JOIN organization o ON o.id = m.organization_id
      JOIN staff s ON s.id = m.staff_id AND s.disabled_at IS NULL AND s.phone = m.to_number
      LEFT JOIN alert a ON a.organization_id = m.organization_id AND a.id = m.alert_id
      LEFT JOIN alarm b ON b.organization_id = m.organization_id AND b.id = m.alarm_id
     WHERE t.id = $1 AND (m.alert_id IS NOT NULL OR m.alarm_id IS NOT NULL)
"""
SPOKEN = """
    SELECT m.body FROM attempt t JOIN message m ON m.id = t.message_id WHERE t.id = $1 AND m.channel = 'voice'
"""


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the page went to, and what it was about: an alert of a patient, or an alarm. `waits`: nobody has it yet."""

    staff_id: uuid.UUID
    alert_id: uuid.UUID | None
    alarm_id: uuid.UUID | None
    patient_id: uuid.UUID | None
    at: datetime
    zone: str
    waits: bool

    @property
    def clock(self) -> str:
        """When it was written, as their telephone says: 14:05."""
        return f"{self.at.astimezone(ZoneInfo(self.zone)):%H:%M}"


def takes(text: str) -> bool:
    """Does this text say "I am dealing with it"? Only short answers that can mean nothing else."""
    return plain(text) in TAKES | TAKES_IN_SPANISH


async def sent_to(db: Any, organization: uuid.UUID, to_hash: bytes, now: datetime) -> list[Paged]:
    """What this telephone was paged for in the last day, the newest page first; each thing once."""
    rows = await db.fetch(SENT_TO, organization, to_hash, now - ANSWERED_WITHIN)
    return sorted((Paged(**dict(row)) for row in rows), key=lambda one: one.at, reverse=True)


async def of_call(db: Any, attempt: uuid.UUID) -> Paged | None:
    """What somebody who was called is asked to take."""
    row = await db.fetchrow(OF_CALL, attempt)
    return Paged(**dict(row)) if row else None


async def spoken(db: Any, attempt: uuid.UUID) -> str | None:
    """The words of that call; `None` when it is no call of ours."""
    body: str | None = await db.fetchval(SPOKEN, attempt)
    return body
