"""What staff read of one patient: readings, settled episodes, open gaps and what was said to them."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Severity


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored reading with where it came from and how its time is known; canonical units in the names."""

    id: uuid.UUID
    kind: str
    measured_at: datetime
    received_at: datetime
    zone: str
    clock_basis: str
    source: str
    device_id: str | None
    device_name: str | None
    flags: list[str]
    context: str | None
    out_of_range: Literal["above", "below"] | None = None
    systolic_mmhg: Decimal | None = None
    diastolic_mmhg: Decimal | None = None
    pulse_bpm: Decimal | None = None
    glucose_mgdl: Decimal | None = None
    weight_kg: Decimal | None = None
    spo2_pct: Decimal | None = None
    temperature_c: Decimal | None = None
    crossed: Severity | None = None


KINDS = """
    SELECT kind FROM reading WHERE patient_id = $1 AND measured_at > $2 GROUP BY kind
     ORDER BY array_position(ARRAY['blood_pressure', 'glucose', 'weight', 'spo2', 'pulse', 'temperature'], kind), kind
"""


async def kinds(db: Db, patient: uuid.UUID, since: datetime) -> list[str]:
    """The vitals this patient measured since then."""
    return [row["kind"] for row in await db.fetch(KINDS, patient, since)]


# Pages by key, not by offset: a reading that arrives meanwhile shifts nothing. `crossed` is the worst finding.
READINGS = """
    SELECT r.id, r.kind, r.measured_at, r.received_at, r.zone, r.clock_basis, r.source, r.device_id,
           m.name AS device_name, r.flags, r.context, r.out_of_range, r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm,
           r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c,
           (SELECT f.severity FROM finding f
             WHERE f.patient_id = r.patient_id AND f.anchor = r.id::text AND f.superseded_at IS NULL
             ORDER BY array_position(ARRAY['high', 'medium', 'low'], f.severity) LIMIT 1) AS crossed
      FROM reading r
      LEFT JOIN device d ON d.id = r.device_id
      LEFT JOIN device_model m ON m.id = d.model_id
     WHERE r.patient_id = $1 AND ($2::text IS NULL OR r.kind = $2) AND r.measured_at >= $3
       AND (r.measured_at, r.id) < ($4, $5)
     ORDER BY r.measured_at DESC, r.id DESC LIMIT $6
"""
LAST_ID = uuid.UUID(int=2**128 - 1)


async def readings(
    db: Db,
    patient: uuid.UUID,
    *,
    kind: str | None,
    since: datetime,
    until: datetime,
    before: uuid.UUID = LAST_ID,
    limit: int,
) -> list[Reading]:
    """Newest first, strictly before the place (`until`, `before`) where the last page ended."""
    rows = await db.fetch(READINGS, patient, kind, since, until, before, limit)
    return [Reading(**dict(row)) for row in rows]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved alert."""

    id: uuid.UUID
    title: str
    severity: Severity
    opened_at: datetime
    resolved_at: datetime
    resolved_name: str | None
    outcome: str
    note: str


SETTLED = """
    SELECT a.id, r.name AS title, a.severity, a.opened_at, a.resolved_at, s.name AS resolved_name,
           coalesce(a.outcome, '') AS outcome, coalesce(a.note, '') AS note
      FROM alert a JOIN rule r ON r.id = a.rule_id LEFT JOIN staff s ON s.id = a.resolved_by
     WHERE a.patient_id = $1 AND a.status = 'resolved' ORDER BY a.resolved_at DESC LIMIT $2
"""


async def settled(db: Db, patient: uuid.UUID, limit: int = 10) -> list[Settled]:
    return [Settled(**dict(row)) for row in await db.fetch(SETTLED, patient, limit)]


class OpenGap(msgspec.Struct, frozen=True, kw_only=True):
    """A measure this patient does not meet yet in this period."""

    measure: str
    status: str
    period_start: date
    period_end: date
    last_done_on: date | None
    reported_at: datetime | None


GAPS = """
    SELECT measure, status, period_start, period_end, last_done_on, reported_at
      FROM gap WHERE patient_id = $1 AND status IN ('open', 'awaiting_evidence') ORDER BY opened_at, measure
"""


async def gaps(db: Db, patient: uuid.UUID) -> list[OpenGap]:
    return [OpenGap(**dict(row)) for row in await db.fetch(GAPS, patient)]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message to the patient, or a reply of theirs."""

    at: datetime
    direction: Literal["to", "from"]
    purpose: str
    body: str
    status: str


SAID = """
    (SELECT created_at AS at, 'to' AS direction, purpose,
            CASE wording WHEN 'verify_code' THEN regexp_replace(body, '[0-9]', '•', 'g') ELSE body END AS body,
            status || coalesce(' (' || replace(reason, '_', ' ') || ')', '') AS status
       FROM message WHERE patient_id = $1 ORDER BY created_at DESC LIMIT $2)
    UNION ALL
    (SELECT received_at, 'from', 'reply', body, 'understood as ' || replace(meaning, '_', ' ')
       FROM reply WHERE patient_id = $1 ORDER BY received_at DESC LIMIT $2)
    ORDER BY at DESC LIMIT $2
"""


async def said(db: Db, patient: uuid.UUID, limit: int = 10) -> list[Said]:
    """Both directions, newest first."""
    return [Said(**dict(row)) for row in await db.fetch(SAID, patient, limit)]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that was decoded but is in doubt; it waits for a person."""

    kind: str
    measured_at: datetime | None
    received_at: datetime
    reason: str


WAITING = """
    SELECT kind, measured_at, received_at, reason FROM held
     WHERE patient_id = $1 AND resolved_at IS NULL ORDER BY received_at DESC LIMIT 20
"""


async def waiting(db: Db, patient: uuid.UUID) -> Sequence[Waiting]:
    return [Waiting(**dict(row)) for row in await db.fetch(WAITING, patient)]
