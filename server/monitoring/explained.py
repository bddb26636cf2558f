"""Why an alert stands: the finding that speaks for it, and every reading it rests on with how its time is known."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Age, Severity, Side
from server.monitoring.history import Reading

SHOWN = 30  # readings; an average rests on more than anybody reads


class Speaking(msgspec.Struct, frozen=True, kw_only=True):
    """The most severe, then newest finding: the one whose numbers stand on the worklist."""

    id: uuid.UUID
    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    severity: Severity
    metric: str
    side: Side
    value: Decimal | None
    limit_value: Decimal
    age: Age
    measured_at: datetime
    found_at: datetime


SPEAKING = """
    SELECT id, rule_id, rule_version_id, severity, metric, side, value, limit_value, age, measured_at, found_at
      FROM finding
     WHERE patient_id = $1 AND alert_id = $2 AND superseded_at IS NULL
     ORDER BY array_position(ARRAY['high', 'medium', 'low'], severity), measured_at DESC, id LIMIT 1
"""


async def speaking(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> Speaking | None:
    """None when nothing of it holds any more."""
    row = await db.fetchrow(SPEAKING, patient, alert)
    return Speaking(**dict(row)) if row else None


class Evidence(Reading, frozen=True, kw_only=True):
    """A reading with what its device wrote as the time; canonical units as in `Reading`."""

    measured_at_raw: str | None = None
    utc_offset_minutes: int | None = None


EVIDENCE = """
    SELECT r.id, r.kind, r.measured_at, r.received_at, r.zone, r.clock_basis, r.source, r.device_id,
           m.name AS device_name, r.flags, r.context, r.out_of_range, r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm,
           r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c, x.crossed, r.measured_at_raw, r.utc_offset_minutes,
           count(*) OVER ()::int AS total
      FROM (SELECT e.measured_at, e.reading_id,
                   (array_agg(f.severity ORDER BY array_position(ARRAY['high', 'medium', 'low'], f.severity)))[1]
                       AS crossed
              FROM finding f
              JOIN finding_evidence e ON e.patient_id = f.patient_id AND e.finding_id = f.id
                   AND e.superseded_at IS NULL
             WHERE f.patient_id = $1 AND f.alert_id = $2 AND f.superseded_at IS NULL
             GROUP BY e.measured_at, e.reading_id) x
      JOIN reading r ON r.patient_id = $1 AND r.measured_at = x.measured_at AND r.id = x.reading_id
      LEFT JOIN device d ON d.id = r.device_id
      LEFT JOIN device_model m ON m.id = d.model_id
     ORDER BY r.measured_at DESC, r.id LIMIT $3
"""


async def evidence(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> tuple[list[Evidence], int]:
    """The newest readings of the alert's findings, newest first, and how many there are in all."""
    rows: list[dict[str, Any]] = [dict(row) for row in await db.fetch(EVIDENCE, patient, alert, SHOWN)]
    total = rows[0]["total"] if rows else 0
    for row in rows:
        del row["total"]
    return [Evidence(**row) for row in rows], total


class InDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement the alert rests on that is no reading yet: a person decides in the held queue."""

    id: uuid.UUID
    kind: str
    measured_at: datetime | None
    received_at: datetime
    reason: str
    resolution: str | None


IN_DOUBT = """
    SELECT DISTINCT h.id, h.kind, h.measured_at, h.received_at, h.reason, h.resolution
      FROM finding f
      JOIN finding_evidence e ON e.patient_id = f.patient_id AND e.finding_id = f.id
      JOIN held h ON h.id = e.reading_id
     WHERE f.patient_id = $1 AND f.alert_id = $2
     ORDER BY h.received_at DESC LIMIT 20
"""


async def in_doubt(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> list[InDoubt]:
    return [InDoubt(**dict(row)) for row in await db.fetch(IN_DOUBT, patient, alert)]
