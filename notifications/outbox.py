"""Messages to be sent, written in the same commit as the decision; the sender claims them afterwards."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from notifications.messages import Channel, Message, Purpose, Status

PUT = """
    INSERT INTO message (id, organization_id, purpose, unique_for, channel, staff_id, patient_id, alert_id,
        reminder_id, gap_id, to_number, to_hash, wording, wording_version, language, body, not_before, created_at,
        alarm_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[],
        $9::uuid[], $10::uuid[], $11::text[], $12::bytea[], $13::text[], $14::int[], $15::text[], $16::text[],
        $17::timestamptz[], $18::timestamptz[], $19::uuid[])
    ON CONFLICT (organization_id, unique_for) DO NOTHING
    RETURNING id
"""
COLUMNS = (
    "id", "organization_id", "purpose", "unique_for", "channel", "staff_id", "patient_id", "alert_id", "reminder_id",
    "gap_id", "to_number", "to_hash", "wording", "wording_version", "language", "body", "not_before", "created_at",
    "alarm_id",
)  # fmt: skip


async def put(db: Any, messages: Sequence[Message]) -> list[uuid.UUID]:
    """Ids of those that are new; one whose reason was met before is not written again."""
    if not messages:
        return []
    rows = sorted(messages, key=lambda m: (m.organization_id, m.unique_for))  # sorted: batches must not deadlock
    columns = zip(*(tuple(getattr(row, name) for name in COLUMNS) for row in rows), strict=True)
    return [record["id"] for record in await db.fetch(PUT, *map(list, columns))]


# Several senders take different rows: each skips what another has locked, and the update makes them its own.
CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM message
         WHERE status = 'queued' AND channel IN ('sms', 'voice') AND not_before <= $1
         ORDER BY CASE WHEN purpose IN ('page', 'safety') THEN 0 WHEN purpose = 'answer' THEN 1 ELSE 2 END,
                  not_before, id
         LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE message m SET status = 'sending', claimed_at = $1
      FROM due WHERE m.id = due.id
    RETURNING m.id, m.organization_id, m.purpose, m.to_number, m.to_hash, m.body, m.alert_id, m.claimed_at,
              m.channel
"""
SETTLE = """
    UPDATE message SET status = $3, reason = $4, not_before = coalesce($5, not_before)
     WHERE id = $1 AND status = ANY($2::text[])
    RETURNING true
"""
# Claimed and then nothing: the process died before any call, so nothing went out.
RELEASE = """
    UPDATE message m SET status = 'queued', claimed_at = NULL
     WHERE m.status = 'sending' AND m.claimed_at < $1
       AND NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id AND a.outcome = 'started')
    RETURNING m.id
"""
# A page does not wait so long: its sender has claimed it, and may be dead. Who is only slow finds its claim taken back.
RELEASE_URGENT = """
    UPDATE message m SET status = 'queued', claimed_at = NULL
     WHERE m.status = 'sending' AND m.claimed_at < $1 AND m.purpose IN ('page', 'safety')
       AND NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id AND a.started_at >= m.claimed_at)
"""
# Called, and never heard what became of it. A page is sent again; a reminder never is.
ABANDON = """
    WITH lost AS (
        UPDATE attempt a SET outcome = 'unknown', finished_at = $2
          FROM message m
         WHERE m.id = a.message_id AND m.status = 'sending' AND a.outcome = 'started'
           AND a.started_at < CASE WHEN m.purpose IN ('page', 'safety') THEN $3::timestamptz ELSE $1 END
        RETURNING a.message_id)
    UPDATE message m
       SET status = CASE WHEN purpose IN ('page', 'safety') THEN 'queued' ELSE 'unknown' END, reason = 'no_answer'
      FROM lost WHERE m.id = lost.message_id AND m.status = 'sending'
    RETURNING m.id
"""
IN_DOUBT = """
    SELECT DISTINCT ON (m.id) m.id, m.organization_id, m.to_number, m.body, a.id AS attempt_id, a.started_at
      FROM message m JOIN attempt a ON a.message_id = m.id
     WHERE m.status = 'unknown' AND m.channel = 'sms' AND m.reason IS DISTINCT FROM 'unresolved'
       AND a.outcome = 'unknown'
     ORDER BY m.id, a.started_at DESC LIMIT 100
"""
CLAIM_LASTS = timedelta(seconds=30)
URGENT_CLAIM_LASTS = timedelta(seconds=2)
CALL_LASTS = timedelta(seconds=60)
URGENT_CALL_LASTS = timedelta(seconds=20)  # a call may take 16


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A message that this sender, and no other, may send now."""

    id: uuid.UUID
    organization_id: uuid.UUID
    purpose: Purpose
    to_number: str
    to_hash: bytes
    body: str
    alert_id: uuid.UUID | None
    claimed_at: datetime
    channel: Channel = "sms"

    @property
    def at_least_once(self) -> bool:
        """Pages and safety texts may arrive twice rather than never; everything else at most once."""
        return self.purpose in {"page", "safety"}


class InDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may have gone out, and the attempt that may have done it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    to_number: str
    body: str
    attempt_id: uuid.UUID
    started_at: datetime


async def claim(db: Any, now: datetime, limit: int) -> list[Claimed]:
    """Take what is due, pages first; commit before calling anybody."""
    rows = [Claimed(**dict(row)) for row in await db.fetch(CLAIM, now, limit)]
    return sorted(rows, key=lambda row: not row.at_least_once)


async def settle(
    db: Any,
    message: uuid.UUID,
    status: Status,
    reason: str | None = None,
    *,
    since: Sequence[Status] = ("sending",),
    not_before: datetime | None = None,
) -> bool:
    """Move a message on from one of `since`; False when it has moved already."""
    return await db.fetchval(SETTLE, message, list(since), status, reason, not_before) is True


async def release(db: Any, now: datetime) -> int:
    """Put back what was claimed by a process that died before it called anybody."""
    return len(await db.fetch(RELEASE, now - CLAIM_LASTS))


async def release_urgent(db: Any, now: datetime) -> None:
    """Put back pages and safety texts that somebody claimed and did not even begin to send."""
    await db.execute(RELEASE_URGENT, now - URGENT_CLAIM_LASTS)


async def abandon(db: Any, now: datetime) -> int:
    """Call unknown what was called and never answered; pages go back to be sent again."""
    return len(await db.fetch(ABANDON, now - CALL_LASTS, now, now - URGENT_CALL_LASTS))


async def in_doubt(db: Any) -> list[InDoubt]:
    """What the provider should be asked about."""
    return [InDoubt(**dict(row)) for row in await db.fetch(IN_DOUBT)]
