"""An acknowledgement lasts for a while: without an outcome, or when its owner leaves, the alert is open again."""

import uuid
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is open again, and why."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    why: Literal["no_outcome", "off_shift"]


# Who answered without being on shift leaves no shift, so only time brings theirs back. Its next round of pages begins
# in the same statement: there is no moment in which it is open and nobody will be told. An answer of a clock that is
# ahead of ours, given as the shift began, is not one from before it.
GIVE_BACK = """
    WITH gone AS MATERIALIZED (
        SELECT a.patient_id, a.id,
               CASE WHEN a.acknowledged_at <= $2 THEN 'no_outcome' ELSE 'off_shift' END AS why
          FROM alert a
         WHERE a.status = 'acknowledged' AND a.age <> 'historic'
           AND (a.acknowledged_at <= $2
                OR a.acknowledged_at <= $1 AND EXISTS (SELECT FROM shift sh
                            WHERE sh.staff_id = a.acknowledged_by
                              AND sh.starts_at <= a.acknowledged_at AND sh.ends_at > a.acknowledged_at)
                   AND NOT EXISTS (SELECT FROM shift sh
                                    WHERE sh.staff_id = a.acknowledged_by AND sh.cancelled_at IS NULL
                                      AND sh.starts_at <= $1 AND sh.ends_at > $1
                                      AND NOT EXISTS (SELECT FROM time_off t
                                                       WHERE t.staff_id = sh.staff_id AND t.cancelled_at IS NULL
                                                         AND t.starts_at <= $1 AND t.ends_at > $1)))
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
    """Open again what was acknowledged `lasts` ago without an outcome, or by somebody whose shift has ended."""
    return [Returned(**dict(row)) for row in await db.fetch(GIVE_BACK, now, now - lasts)]
