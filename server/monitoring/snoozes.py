"""An alert laid aside: by whom, why and until when. Only its end, a worse severity or a person brings it back."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Severity

Reason = Literal["measure_again", "call_arranged", "treatment_changed", "clinician_knows", "device", "other"]
Why = Literal["expired", "worse", "woken", "answered"]
LONGEST_HOURS = 72  # the database refuses more


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A snooze that begins; `note` says more, and what when the reason is "other"."""

    patient_id: uuid.UUID
    alert_id: uuid.UUID
    staff_id: uuid.UUID
    reason: Reason
    note: str
    starts_at: datetime
    ends_at: datetime


# The lock makes a rise to high, which another transaction may be committing, be seen before this begins. What somebody
# had acknowledged waits for nobody either: it is open again when the time is over.
BEGIN = """
    WITH asked AS MATERIALIZED (
        SELECT id, organization_id, patient_id, severity FROM alert
         WHERE patient_id = $2 AND id = $3 AND status <> 'resolved' AND severity <> 'high' AND age <> 'historic'
           FOR UPDATE),
    begun AS (
        INSERT INTO snooze (id, organization_id, patient_id, alert_id, severity, staff_id, reason, note, starts_at,
                            ends_at)
        SELECT $1, organization_id, patient_id, id, severity, $4, $5, $6, $7, $8 FROM asked
        ON CONFLICT (patient_id, alert_id) WHERE ended_at IS NULL DO NOTHING
        RETURNING patient_id, alert_id)
    UPDATE alert a SET status = 'open', acknowledged_by = NULL, acknowledged_at = NULL
      FROM begun b WHERE a.patient_id = b.patient_id AND a.id = b.alert_id
    RETURNING a.id
"""


async def begin(db: Db, new: Begun) -> bool:
    """False for an alert that is high, resolved, of older readings, laid aside already, or not there."""
    return await db.fetchval(BEGIN, uuid7(), *msgspec.structs.astuple(new)) is not None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A snooze that is over; `team_id` is None when nobody was to be paged for its alert yet."""

    alert_id: uuid.UUID
    patient_id: uuid.UUID
    organization_id: uuid.UUID
    severity: Severity
    ends_at: datetime
    ended_why: Why
    team_id: uuid.UUID | None
    zone: str


# An answer and a worse severity count from their own commit on; this only writes down what is so already.
END = """
    UPDATE snooze z
       SET ended_at = $1, ended_why = CASE WHEN a.status <> 'open' THEN 'answered'
                                           WHEN worse(z.severity, a.severity) <> z.severity THEN 'worse'
                                           ELSE 'expired' END
      FROM alert a
      JOIN organization o ON o.id = a.organization_id
      LEFT JOIN escalation e ON e.id = a.id
      LEFT JOIN team_clock k ON k.team_id = e.team_id
     WHERE a.patient_id = z.patient_id AND a.id = z.alert_id AND z.ended_at IS NULL
       AND ($2::uuid IS NULL OR z.alert_id = $2)
       AND (z.ends_at <= $1 OR a.status <> 'open' OR worse(z.severity, a.severity) <> z.severity)
    RETURNING z.alert_id, z.patient_id, z.organization_id, z.severity, z.ends_at, z.ended_why, e.team_id,
              coalesce(k.zone, o.zone) AS zone
"""


async def end(db: Db, now: datetime, alert: uuid.UUID | None = None) -> list[Ended]:
    """Close what is over, of every alert or of one; each is told once, however many ask."""
    return [Ended(**dict(row)) for row in await db.fetch(END, now, alert)]


WAKE = """
    UPDATE snooze SET ended_at = $4, ended_why = 'woken', ended_by = $3
     WHERE patient_id = $1 AND alert_id = $2 AND ended_at IS NULL
    RETURNING id
"""


async def wake(db: Db, patient: uuid.UUID, alert: uuid.UUID, by: uuid.UUID, now: datetime) -> bool:
    """True for the one caller who brought it back."""
    return await db.fetchval(WAKE, patient, alert, by, now) is not None


class Snooze(msgspec.Struct, frozen=True, kw_only=True):
    """One that stands or that ended, as staff read it."""

    alert_id: uuid.UUID
    patient_id: uuid.UUID
    patient_name: str
    title: str
    severity: Severity
    owner: str
    reason: Reason
    note: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_why: Why | None
    ended_by: str | None


# What the worker has not written down as over yet is not shown as standing either.
LISTED = """
    SELECT z.alert_id, z.patient_id, p.given_name || ' ' || p.family_name AS patient_name, r.name AS title, z.severity,
           s.name AS owner, z.reason, z.note, z.starts_at, z.ends_at,
           coalesce(z.ended_at, CASE WHEN z.ends_at <= $1 THEN z.ends_at END) AS ended_at,
           coalesce(z.ended_why, CASE WHEN z.ends_at <= $1 THEN 'expired' END) AS ended_why, w.name AS ended_by
      FROM snooze z
      JOIN alert a ON a.patient_id = z.patient_id AND a.id = z.alert_id
      JOIN rule r ON r.id = a.rule_id
      JOIN patient p ON p.id = z.patient_id
      JOIN staff s ON s.id = z.staff_id
      LEFT JOIN staff w ON w.id = z.ended_by
     WHERE z.ended_at IS NULL OR z.ended_at > $1::timestamptz - interval '7 days'
     ORDER BY z.ended_at IS NOT NULL OR z.ends_at <= $1, coalesce(z.ended_at, z.ends_at), z.id LIMIT 200
"""


async def listed(db: Db, now: datetime) -> list[Snooze]:
    """Those that stand, the next to end first, then those that ended in the last seven days."""
    return [Snooze(**dict(row)) for row in await db.fetch(LISTED, now)]
