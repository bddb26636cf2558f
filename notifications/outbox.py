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
        alarm_id, contact_point_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[],
        $9::uuid[], $10::uuid[], $11::text[], $12::bytea[], $13::text[], $14::int[], $15::text[], $16::text[],
        $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::uuid[])
    ON CONFLICT (organization_id, unique_for) DO NOTHING
    RETURNING id
"""
COLUMNS = (
    "id", "organization_id", "purpose", "unique_for", "channel", "staff_id", "patient_id", "alert_id", "reminder_id",
    "gap_id", "to_number", "to_hash", "wording", "wording_version", "language", "body", "not_before", "created_at",
    "alarm_id", "contact_point_id",
)  # fmt: skip


async def put(db: Any, messages: Sequence[Message]) -> list[uuid.UUID]:
    """Ids of those that are new; one whose reason was met before is not written again."""
    if not messages:
        return []
    rows = sorted(messages, key=lambda m: (m.organization_id, m.unique_for))  # sorted: batches must not deadlock
    columns = zip(*(tuple(getattr(row, name) for name in COLUMNS) for row in rows), strict=True)
    return [record["id"] for record in await db.fetch(PUT, *map(list, columns))]


WRITTEN = "SELECT EXISTS (SELECT FROM message WHERE organization_id = $1 AND unique_for = $2)"


async def written(db: Any, organization: uuid.UUID, unique_for: str) -> bool:
    """Was a message written for this reason before?"""
    return bool(await db.fetchval(WRITTEN, organization, unique_for))


# By which ways the sender sends. What else waits in the outbox is somebody else's.
CHANNELS: tuple[Channel, ...] = ("sms", "voice")
# An answer that comes late finds its message called unknown: what it says for certain still counts.
UNANSWERED: tuple[Status, ...] = ("sending", "unknown")

# Several senders take different rows: each skips what another has locked, and the update is conditional besides, so
# that a row is one sender's even where rows cannot be locked ahead. The outbox is a table of the coordinator on Citus.
CLAIM_URGENT = """
    WITH due AS MATERIALIZED (
        SELECT m.id, r.sender_number
          FROM message m
          JOIN organization o ON o.id = m.organization_id
          JOIN unnest($3::text[], $4::text[]) AS r (sender_number, channel)
            ON r.sender_number = coalesce(o.sender_number, $5) AND r.channel = m.channel
         WHERE m.status = 'queued' AND m.purpose IN ('page', 'safety') AND m.not_before <= $1
         ORDER BY m.not_before, m.id
         LIMIT $2 FOR UPDATE OF m SKIP LOCKED)
    UPDATE message m SET status = 'sending', claimed_at = $1
      FROM due WHERE m.id = due.id AND m.status = 'queued'
    RETURNING m.id, m.organization_id, m.purpose, m.to_number, m.to_hash, m.body, m.alert_id, m.claimed_at, m.channel,
              m.patient_id, due.sender_number AS from_number
"""
CLAIM_WITHIN = """
    WITH due AS MATERIALIZED (
        SELECT d.id, r.sender_number
          FROM unnest($3::text[], $4::text[], $5::int[]) AS r (sender_number, channel, most)
          CROSS JOIN LATERAL (
               SELECT m.id FROM message m JOIN organization o ON o.id = m.organization_id
                WHERE m.status = 'queued' AND m.purpose NOT IN ('page', 'safety') AND m.not_before <= $1
                  AND m.channel = r.channel AND coalesce(o.sender_number, $6) = r.sender_number
                ORDER BY m.purpose <> 'answer', m.not_before, m.id
                LIMIT r.most FOR UPDATE OF m SKIP LOCKED) AS d
         LIMIT $2)
    UPDATE message m SET status = 'sending', claimed_at = $1
      FROM due WHERE m.id = due.id AND m.status = 'queued'
    RETURNING m.id, m.organization_id, m.purpose, m.to_number, m.to_hash, m.body, m.alert_id, m.claimed_at, m.channel,
              m.patient_id, due.sender_number AS from_number
"""
NUMBERS = "SELECT DISTINCT coalesce(sender_number, '') AS sender_number FROM organization"
SETTLE = """
    UPDATE message SET status = $3, reason = $4, not_before = coalesce($5, not_before)
     WHERE id = $1 AND status = ANY($2::text[])
    RETURNING true
"""
# What a person was told will not be sent again is not: then it has failed.
AGAIN = """
    UPDATE message
       SET status = CASE WHEN status = 'unknown' AND reason = 'unresolved' THEN 'failed' ELSE 'queued' END,
           reason = $2, not_before = $3
     WHERE id = $1 AND status IN ('sending', 'unknown')
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
# Called, and never heard what became of it. A page is sent again; a reminder never is. Who was only slow and hears it
# after all still writes it down.
ABANDON = """
    WITH lost AS (
        UPDATE attempt a SET outcome = 'unknown', finished_at = $2
          FROM message m
         WHERE m.id = a.message_id AND m.status = 'sending' AND a.outcome = 'started'
           AND a.started_at < $1
        RETURNING a.message_id)
    UPDATE message m
       SET status = CASE WHEN purpose IN ('page', 'safety') THEN 'queued' ELSE 'unknown' END, reason = 'no_answer'
      FROM lost WHERE m.id = lost.message_id AND m.status = 'sending'
    RETURNING m.id
"""
# Whatever its newest attempt says: what is unknown ends as known, or as a person's task.
IN_DOUBT = """
    SELECT DISTINCT ON (m.id) m.id, m.organization_id, m.channel, m.patient_id, m.to_number, m.body, a.id AS attempt_id,
           a.started_at, coalesce(o.sender_number, $1) AS from_number
      FROM message m JOIN attempt a ON a.message_id = m.id JOIN organization o ON o.id = m.organization_id
     WHERE m.status = 'unknown' AND m.channel IN ('sms', 'voice') AND m.reason IS DISTINCT FROM 'unresolved'
     ORDER BY m.id, a.started_at DESC LIMIT 200
"""
CLAIM_LASTS = timedelta(seconds=10)
URGENT_CLAIM_LASTS = timedelta(seconds=2)
CALL_LASTS = timedelta(seconds=20)  # a call may take 8, and its answer a while to be written down


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages may be taken of what goes from this number by this channel."""

    sender_number: str
    channel: Channel
    most: int


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
    patient_id: uuid.UUID | None = None
    from_number: str = ""

    @property
    def at_least_once(self) -> bool:
        """Pages and safety texts may arrive twice rather than never; everything else at most once."""
        return self.purpose in {"page", "safety"}


class InDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may have gone out, and the attempt that may have done it. `from_number` is ours.

    `sid`: the provider took it, under this id, and said nothing since.
    """

    id: uuid.UUID
    organization_id: uuid.UUID
    channel: Channel
    patient_id: uuid.UUID | None
    to_number: str
    body: str
    attempt_id: uuid.UUID
    started_at: datetime
    from_number: str
    sid: str | None = None


async def claim(db: Any, now: datetime, limit: int) -> list[Claimed]:
    """Take what is due at any pace, pages first; commit before calling anybody."""
    numbers = [row["sender_number"] for row in await db.fetch(NUMBERS)]
    rooms = [Room(sender_number=n, channel=channel, most=limit) for n in numbers for channel in CHANNELS]
    urgent = await claim_urgent(db, now, limit, "", rooms)
    return [*urgent, *await claim_within(db, now, limit - len(urgent), "", rooms)]


async def claim_urgent(db: Any, now: datetime, limit: int, default_sender: str, rooms: Sequence[Room]) -> list[Claimed]:
    """Take pages and safety texts that are due, from these numbers, whatever room there is."""
    numbers, channels = [one.sender_number for one in rooms], [one.channel for one in rooms]
    rows = await db.fetch(CLAIM_URGENT, now, limit, numbers, channels, default_sender)
    return [Claimed(**dict(row)) for row in rows]


async def claim_within(db: Any, now: datetime, limit: int, default_sender: str, rooms: Sequence[Room]) -> list[Claimed]:
    """Take everything else that is due, as much as each number has room for: answers, then what waited longest."""
    free = [one for one in rooms if one.most > 0]
    if not free or limit <= 0:
        return []
    columns = [one.sender_number for one in free], [one.channel for one in free], [one.most for one in free]
    rows = await db.fetch(CLAIM_WITHIN, now, limit, *columns, default_sender)
    return [Claimed(**dict(row)) for row in rows]


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


async def again(db: Any, message: uuid.UUID, reason: str, not_before: datetime) -> None:
    """Nothing went out, or it may go twice: back into the queue, also when it was called unknown meanwhile."""
    await db.execute(AGAIN, message, reason, not_before)


async def release(db: Any, now: datetime) -> int:
    """Put back what was claimed by a process that died before it called anybody."""
    return len(await db.fetch(RELEASE, now - CLAIM_LASTS))


async def release_urgent(db: Any, now: datetime) -> None:
    """Put back pages and safety texts that somebody claimed and did not even begin to send."""
    await db.execute(RELEASE_URGENT, now - URGENT_CLAIM_LASTS)


async def abandon(db: Any, now: datetime) -> int:
    """Call unknown what was called and never answered; pages go back to be sent again."""
    return len(await db.fetch(ABANDON, now - CALL_LASTS, now))


async def in_doubt(db: Any, default_sender: str) -> list[InDoubt]:
    """What the provider should be asked about."""
    return [InDoubt(**dict(row)) for row in await db.fetch(IN_DOUBT, default_sender)]
