"""An acknowledgement lasts for a while: without an outcome, or when its owner leaves, what was taken is open again.

Leaving is going off shift, or, on shift or not, working here no more.

A new cry of somebody in danger ends it at once: whoever took the first one does not know of the second.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is open again, and why; without a patient it is an alarm."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID | None = None
    why: Literal["no_outcome", "off_shift", "new_cry", "worse"]


# The next round of pages begins in the same statement: there is no moment in which it is open and nobody will be told.
GIVE_BACK = """
    WITH gone AS MATERIALIZED (
        SELECT a.patient_id, a.id,
               CASE WHEN a.acknowledged_at <= $2 THEN 'no_outcome' ELSE 'off_shift' END AS why
          FROM alert a
         WHERE a.status = 'acknowledged' AND a.age <> 'historic'
           AND (a.acknowledged_at <= $2 OR left_their_shift(a.acknowledged_by, a.acknowledged_at, $1)
                OR EXISTS (SELECT FROM staff s WHERE s.id = a.acknowledged_by AND s.disabled_at <= $1))
         ORDER BY a.patient_id, a.rule_id
           FOR UPDATE OF a SKIP LOCKED),
    again AS (
        UPDATE escalation e
           SET round = e.round + 1, position = 0, started_at = $1, stepped_at = $1, due_at = $1,
               repeating = false, ended_at = NULL
          FROM gone WHERE e.id = gone.id)
    UPDATE alert a SET status = 'open', acknowledged_by = NULL, acknowledged_at = NULL
      FROM gone WHERE a.patient_id = gone.patient_id AND a.id = gone.id AND a.status = 'acknowledged'
    RETURNING a.id, a.organization_id, a.patient_id, gone.why
"""


async def give_back(db: Db, now: datetime, lasts: timedelta) -> list[Returned]:
    """Open again what was acknowledged `lasts` ago without an outcome, or by somebody who went off shift or left."""
    return [Returned(**dict(row)) for row in await db.fetch(GIVE_BACK, now, now - lasts)]


# As alerts do, for what is high. Without a chain (nobody was paged of it yet) its first one begins when it returns.
GIVE_BACK_ALARMS = """
    WITH gone AS MATERIALIZED (
        SELECT b.id, CASE WHEN b.acknowledged_at <= $2 THEN 'no_outcome' ELSE 'off_shift' END AS why
          FROM alarm b
         WHERE b.status = 'acknowledged' AND b.severity = 'high'
           AND (b.acknowledged_at <= $2 OR left_their_shift(b.acknowledged_by, b.acknowledged_at, $1)
                OR EXISTS (SELECT FROM staff s WHERE s.id = b.acknowledged_by AND s.disabled_at <= $1))
         ORDER BY b.id
           FOR UPDATE OF b SKIP LOCKED),
    again AS (
        UPDATE escalation e
           SET round = e.round + 1, position = 0, started_at = $1, stepped_at = $1, due_at = $1,
               repeating = false, ended_at = NULL
          FROM gone WHERE e.id = gone.id)
    UPDATE alarm b
       SET status = 'open', acknowledged_by = NULL, acknowledged_at = NULL, again_at = $1, again_why = gone.why
      FROM gone WHERE b.id = gone.id AND b.status = 'acknowledged'
    RETURNING b.id, b.organization_id, gone.why
"""


async def give_back_alarms(db: Db, now: datetime, lasts: timedelta) -> list[Returned]:
    """The same for high alarms."""
    return [Returned(**dict(row)) for row in await db.fetch(GIVE_BACK_ALARMS, now, now - lasts)]


CRY_AGAIN = """
    WITH heard AS (
        UPDATE alarm b
           SET status = 'open', acknowledged_by = NULL, acknowledged_at = NULL, again_at = $4, again_why = 'new_cry'
          FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (organization_id, kind, subject)
         WHERE b.organization_id = n.organization_id AND b.kind = n.kind AND b.subject = n.subject
           AND b.status = 'acknowledged'
        RETURNING b.id, b.organization_id),
    again AS (
        UPDATE escalation e
           SET round = e.round + 1, position = 0, started_at = $4, stepped_at = $4, due_at = $4,
               repeating = false, ended_at = NULL
          FROM heard WHERE e.id = heard.id)
    SELECT id, organization_id, 'new_cry' AS why FROM heard
"""


async def cry(db: Db, cries: Sequence[Alarm], now: datetime) -> list[Returned]:
    """Somebody is in danger now: each alarm stands open, also one that was taken. Call it once for each event.

    Raised first: that locks each row, so nobody can take it in between.
    """
    if not cries:
        return []
    await alarms.raise_all(db, cries, now)
    keys = sorted({(one.organization_id, one.kind, one.subject) for one in cries})
    return [Returned(**dict(row)) for row in await db.fetch(CRY_AGAIN, *map(list, zip(*keys, strict=True)), now)]
