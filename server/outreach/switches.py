"""A stop switch holds reminders back until it ends: all, a kind's or a measure's, everywhere or at one clinic."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Db


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What is stopped; None is every one. Of `kind` and `measure` at most one is named."""

    clinic_id: uuid.UUID | None = None
    kind: str | None = None
    measure: str | None = None


class Switch(Scope, frozen=True, kw_only=True):
    """One that is on. `waiting`: reminders it holds back now; `dropped`: those that became too late by it."""

    id: uuid.UUID
    clinic: str | None
    reason: str
    stopped_at: datetime
    stopped_by: str
    waiting: int
    dropped: int


class Ended(Scope, frozen=True, kw_only=True):
    """One that is over."""

    clinic: str | None
    reason: str
    stopped_at: datetime
    stopped_by: str
    ended_at: datetime
    ended_by: str


# What a switch holds back looks again each quarter of an hour, and says so as its reason; a slot may wait for a week.
ON = """
    SELECT s.id, s.clinic_id, c.name AS clinic, s.kind, s.measure, s.reason, s.stopped_at,
           coalesce(f.name, 'Careloop') AS stopped_by, n.waiting, n.dropped
      FROM stop_switch s
      LEFT JOIN clinic c ON c.id = s.clinic_id
      LEFT JOIN staff f ON s.stopped_by = 'staff:' || f.id
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE r.status = 'planned' AND r.reason = 'stopped'
                                      OR m.status = 'queued' AND m.reason = 'stopped') AS waiting,
                  count(*) FILTER (WHERE r.status = 'suppressed' AND r.reason = 'too_late after stopped'
                                      OR m.status = 'suppressed' AND m.reason = 'too_late after stopped') AS dropped
             FROM reminder r
             JOIN reminder_rule u ON u.id = r.reminder_rule_id
             JOIN patient p ON p.id = r.patient_id
             LEFT JOIN message m ON m.id = r.message_id
            WHERE r.organization_id = s.organization_id AND r.slot > s.stopped_at AT TIME ZONE 'UTC' - interval '9 days'
              AND (s.clinic_id IS NULL OR p.clinic_id = s.clinic_id)
              AND (s.kind IS NULL OR u.kind = s.kind) AND (s.measure IS NULL OR u.measure = s.measure)) AS n
     WHERE s.ended_at IS NULL
     ORDER BY s.stopped_at, s.id
"""


async def on(db: Db) -> list[Switch]:
    """Those that hold something back now, the oldest first."""
    return [Switch(**dict(row)) for row in await db.fetch(ON)]


LATELY = """
    SELECT s.clinic_id, c.name AS clinic, s.kind, s.measure, s.reason, s.stopped_at, s.ended_at,
           coalesce(f.name, 'Careloop') AS stopped_by, coalesce(e.name, 'Careloop') AS ended_by
      FROM stop_switch s
      LEFT JOIN clinic c ON c.id = s.clinic_id
      LEFT JOIN staff f ON s.stopped_by = 'staff:' || f.id
      LEFT JOIN staff e ON s.ended_by = 'staff:' || e.id
     WHERE s.ended_at IS NOT NULL
     ORDER BY s.ended_at DESC, s.id LIMIT $1
"""


async def lately(db: Db, limit: int = 5) -> list[Ended]:
    """Those that ended last, newest first."""
    return [Ended(**dict(row)) for row in await db.fetch(LATELY, limit)]


# The organization's row is locked, so of two people who stop the same at once one learns of the other.
LOCK = "SELECT id FROM organization WHERE id = $1 FOR UPDATE"
STOP = """
    INSERT INTO stop_switch (id, organization_id, clinic_id, kind, measure, reason, stopped_at, stopped_by)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8
     WHERE NOT EXISTS (SELECT FROM stop_switch s
                        WHERE s.organization_id = $2 AND s.ended_at IS NULL AND s.clinic_id IS NOT DISTINCT FROM $3
                          AND s.kind IS NOT DISTINCT FROM $4 AND s.measure IS NOT DISTINCT FROM $5)
    RETURNING id
"""


async def stop(
    db: Db, made: uuid.UUID, organization: uuid.UUID, scope: Scope, reason: str, by: str, now: datetime
) -> bool:  # fmt: skip
    """False when the very same is stopped already. `by` is a principal."""
    await db.execute(LOCK, organization)
    what = (scope.clinic_id, scope.kind, scope.measure)
    return await db.fetchval(STOP, made, organization, *what, reason, now, by) is not None


END = """
    UPDATE stop_switch SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL RETURNING true
"""


async def end(db: Db, switch: uuid.UUID, by: str, now: datetime) -> bool:
    """False when it is over already, or was never there."""
    return await db.fetchval(END, switch, now, by) is True
