"""What waits for a person: readings held in doubt and bytes in quarantine, settled once, by the first who decides."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from devices.decoded import DecodedReading

Resolution = Literal["assigned", "corrected", "discarded"]
UNDO_WITHIN = timedelta(hours=24)
AROUND = timedelta(days=1)  # a clock or a loan may be off by that much


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A held reading. `measured_at` is the time as we corrected it; the device's own words are in `reading`."""

    id: uuid.UUID
    organization_id: uuid.UUID
    device_id: str
    patient_id: uuid.UUID | None
    patient_name: str | None
    kind: str
    measured_at: datetime
    received_at: datetime
    reason: str
    reading: DecodedReading
    resolved_at: datetime | None
    resolution: str | None
    resolved_name: str | None
    resolved_by: uuid.UUID | None
    note: str | None


HELD = """
    SELECT h.id, h.organization_id, h.device_id, h.patient_id, p.given_name || ' ' || p.family_name AS patient_name,
           h.kind, coalesce(h.measured_at, h.received_at) AS measured_at, h.received_at, h.reason, h.reading,
           h.resolved_at, h.resolution, s.name AS resolved_name, h.resolved_by, h.note
      FROM held h
      LEFT JOIN patient p ON p.id = h.patient_id
      LEFT JOIN staff s ON s.id = h.resolved_by
     WHERE h.resolved_at IS NULL AND (h.received_at, h.id) > ($1, $2)
     ORDER BY h.received_at, h.id LIMIT $3
"""


async def held(db: Any, after: tuple[datetime, uuid.UUID], limit: int) -> list[Held]:
    """Those that wait, longest first."""
    return [_held(row) for row in await db.fetch(HELD, *after, limit)]


DISCARDED = """
    SELECT h.id, h.organization_id, h.device_id, h.patient_id, p.given_name || ' ' || p.family_name AS patient_name,
           h.kind, coalesce(h.measured_at, h.received_at) AS measured_at, h.received_at, h.reason, h.reading,
           h.resolved_at, h.resolution, s.name AS resolved_name, h.resolved_by, h.note
      FROM held h
      LEFT JOIN patient p ON p.id = h.patient_id
      LEFT JOIN staff s ON s.id = h.resolved_by
     WHERE h.resolution = 'discarded' AND h.resolved_at > $1
     ORDER BY h.resolved_at DESC LIMIT 50
"""


async def discarded(db: Any, now: datetime) -> list[Held]:
    """Those whose discarding can still be undone."""
    return [_held(row) for row in await db.fetch(DISCARDED, now - UNDO_WITHIN)]


ONE = """
    SELECT h.id, h.organization_id, h.device_id, h.patient_id, p.given_name || ' ' || p.family_name AS patient_name,
           h.kind, coalesce(h.measured_at, h.received_at) AS measured_at, h.received_at, h.reason, h.reading,
           h.resolved_at, h.resolution, s.name AS resolved_name, h.resolved_by, h.note
      FROM held h
      LEFT JOIN patient p ON p.id = h.patient_id
      LEFT JOIN staff s ON s.id = h.resolved_by
     WHERE h.id = $1
"""


async def one(db: Any, held_id: uuid.UUID) -> Held | None:
    """Waiting or settled; None when it is not the asker's."""
    row = await db.fetchrow(ONE, held_id)
    return _held(row) if row else None


def _held(row: Any) -> Held:
    fields = dict(row)
    return Held(**{**fields, "reading": msgspec.convert(fields["reading"], DecodedReading)})


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A patient who had the device about that time."""

    patient_id: uuid.UUID
    name: str
    mrn: str
    user_slot: int | None
    lent_from: datetime | None
    lent_to: datetime | None


CANDIDATES = """
    SELECT l.patient_id, p.given_name || ' ' || p.family_name AS name, p.mrn, l.user_slot,
           lower(l.lent) AS lent_from, upper(l.lent) AS lent_to
      FROM loan l JOIN patient p ON p.id = l.patient_id
     WHERE l.device_id = $1
       AND EXISTS (SELECT 1 FROM unnest($2::timestamptz[]) AS at
                    WHERE l.lent && tstzrange(at - $3::interval, at + $3::interval, '[]'))
     ORDER BY l.user_slot NULLS FIRST, lower(l.lent) DESC
"""


async def candidates(db: Any, of: Held) -> list[Candidate]:
    """Whose it may be: all loans of the device that cover the time it was measured (or came), give or take a day."""
    rows = await db.fetch(CANDIDATES, of.device_id, [of.measured_at, of.received_at], AROUND)
    found = {row["patient_id"]: Candidate(**dict(row)) for row in reversed(rows)}
    return list(reversed(found.values()))


SETTLE = """
    UPDATE held SET resolved_at = $2, resolved_by = $3, resolution = $4, note = $5, corrected = $6, reading_id = $7
     WHERE id = $1 AND resolved_at IS NULL
    RETURNING id
"""


async def settle(
    db: Any, held_id: uuid.UUID, by: uuid.UUID, resolution: Resolution, note: str, now: datetime, *,
    corrected: dict[str, Decimal] | None = None, reading_id: uuid.UUID | None = None,
) -> bool:  # fmt: skip
    """True for the one caller whose decision counted."""
    return await db.fetchval(SETTLE, held_id, now, by, resolution, note, corrected, reading_id) is not None


REOPEN = """
    UPDATE held SET resolved_at = NULL, resolved_by = NULL, resolution = NULL, note = NULL
     WHERE id = $1 AND resolution = 'discarded' AND resolved_at > $2
    RETURNING id
"""


async def reopen(db: Any, held_id: uuid.UUID, now: datetime) -> bool:
    """Undo a discarding; False when it is not discarded, or was more than a day ago."""
    return await db.fetchval(REOPEN, held_id, now - UNDO_WITHIN) is not None


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that never became a reading; they may hold anything, so lists show their size only.

    `reason` is why they were refused when they came, `retried_reason` why they still were when last decoded again.
    """

    id: uuid.UUID
    organization_id: uuid.UUID
    device_id: str
    topic: str
    reason: str
    received_at: datetime
    size: int
    purged_at: datetime | None
    resolved_at: datetime | None
    resolved_name: str | None
    resolved_by: uuid.UUID | None
    note: str | None
    resolution: str | None
    retried_at: datetime | None
    retried_reason: str | None


POISONS = """
    SELECT q.id, q.organization_id, q.device_id, q.topic, q.reason, q.received_at, length(q.payload) AS size,
           q.purged_at, q.resolved_at, s.name AS resolved_name, q.resolved_by, q.note, q.resolution, q.retried_at,
           q.retried_reason
      FROM quarantine q LEFT JOIN staff s ON s.id = q.resolved_by
     WHERE q.organization_id IS NOT NULL AND q.resolved_at IS NULL AND (q.received_at, q.id) > ($1, $2)
     ORDER BY q.received_at, q.id LIMIT $3
"""


async def poisons(db: Any, after: tuple[datetime, uuid.UUID], limit: int) -> list[Poison]:
    """Those that wait, longest first."""
    return [Poison(**dict(row)) for row in await db.fetch(POISONS, *after, limit)]


DISCARDED_POISONS = """
    SELECT q.id, q.organization_id, q.device_id, q.topic, q.reason, q.received_at, length(q.payload) AS size,
           q.purged_at, q.resolved_at, s.name AS resolved_name, q.resolved_by, q.note, q.resolution, q.retried_at,
           q.retried_reason
      FROM quarantine q LEFT JOIN staff s ON s.id = q.resolved_by
     WHERE q.organization_id IS NOT NULL AND q.resolution = 'discarded' AND q.resolved_at > $1
     ORDER BY q.resolved_at DESC LIMIT 50
"""


async def discarded_poisons(db: Any, now: datetime) -> list[Poison]:
    """Those whose discarding can still be undone."""
    return [Poison(**dict(row)) for row in await db.fetch(DISCARDED_POISONS, now - UNDO_WITHIN)]


POISON = """
    SELECT q.id, q.organization_id, q.device_id, q.topic, q.reason, q.received_at, length(q.payload) AS size,
           q.purged_at, q.resolved_at, s.name AS resolved_name, q.resolved_by, q.note, q.resolution, q.retried_at,
           q.retried_reason
      FROM quarantine q LEFT JOIN staff s ON s.id = q.resolved_by
     WHERE q.organization_id IS NOT NULL AND q.id = $1
"""
BYTES = "SELECT substr(payload, 1, $2) FROM quarantine WHERE id = $1"


async def poison(db: Any, poison_id: uuid.UUID, first: int) -> tuple[Poison, bytes] | None:
    """It, and its first bytes; None when it is not the asker's."""
    row = await db.fetchrow(POISON, poison_id)
    return (Poison(**dict(row)), await db.fetchval(BYTES, poison_id, first)) if row else None


DISCARD_POISON = """
    UPDATE quarantine SET resolved_at = $2, resolved_by = $3, resolution = 'discarded', note = $4
     WHERE id = $1 AND resolved_at IS NULL
    RETURNING id
"""


async def discard_poison(db: Any, poison_id: uuid.UUID, by: uuid.UUID, note: str, now: datetime) -> bool:
    """True for the one caller whose decision counted. The bytes stay until they are purged."""
    return await db.fetchval(DISCARD_POISON, poison_id, now, by, note) is not None


REOPEN_POISON = """
    UPDATE quarantine SET resolved_at = NULL, resolved_by = NULL, resolution = NULL, note = NULL
     WHERE id = $1 AND resolution = 'discarded' AND resolved_at > $2
    RETURNING id
"""


async def reopen_poison(db: Any, poison_id: uuid.UUID, now: datetime) -> bool:
    """Undo a discarding; False when it is not discarded, or was more than a day ago."""
    return await db.fetchval(REOPEN_POISON, poison_id, now - UNDO_WITHIN) is not None


COUNTS = """
    SELECT (SELECT count(*) FROM held WHERE resolved_at IS NULL),
           (SELECT count(*) FROM quarantine WHERE resolved_at IS NULL AND organization_id IS NOT NULL)
"""


async def counts(db: Any) -> tuple[int, int]:
    """How many wait: (held, in quarantine)."""
    in_hold, in_quarantine = await db.fetchrow(COUNTS)
    return in_hold, in_quarantine


PURGE = """
    WITH gone AS (
        UPDATE quarantine SET payload = '', purged_at = $1
         WHERE id IN (SELECT id FROM quarantine WHERE purged_at IS NULL AND received_at < $2
                       ORDER BY received_at LIMIT $3 FOR UPDATE SKIP LOCKED)
        RETURNING organization_id)
    SELECT organization_id, count(*) FROM gone GROUP BY organization_id
"""


async def purge(db: Any, before: datetime, limit: int, now: datetime) -> Sequence[tuple[uuid.UUID | None, int]]:
    """Remove the bytes of what came before that time, at most so many; how many of which organization."""
    return [(row[0], row[1]) for row in await db.fetch(PURGE, now, before, limit)]
