"""A high alert after which the patient measured within limits: that is proposed, and only a person lowers it."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import limits, waits
from server.monitoring.baselines import NOT_USUAL
from server.monitoring.limits import Limit
from server.monitoring.waits import Pressure

PRESSURES = ("systolic_mmhg", "diastolic_mmhg")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The newest reading after the alert's last finding; it crosses nothing, a pressure by more than a cuff's error.

    `value` is in the metric's unit.
    """

    patient_id: uuid.UUID
    alert_id: uuid.UUID
    reading_id: uuid.UUID
    metric: str
    value: Decimal
    systolic_mmhg: Decimal | None
    diastolic_mmhg: Decimal | None
    measured_at: datetime


# Derived each time, never stored: a further crossing withdraws it by being there. Only what a device measured and what
# came within a day speaks; a number that is far from the patient's usual ones does not.
PROPOSED = """
    SELECT a.patient_id, a.id AS alert_id, y.id AS reading_id, f.metric, (to_jsonb(y) ->> f.metric)::numeric AS value,
           y.systolic_mmhg, y.diastolic_mmhg, y.measured_at
      FROM alert a
      JOIN rule r ON r.id = a.rule_id AND r.kind = 'crossing'
      JOIN LATERAL (
           SELECT f0.metric, f0.measured_at FROM finding f0
            WHERE f0.patient_id = a.patient_id AND f0.alert_id = a.id AND f0.superseded_at IS NULL
            ORDER BY f0.measured_at DESC, f0.metric DESC LIMIT 1) f ON true
      JOIN LATERAL (
           SELECT y0.* FROM reading y0
            WHERE y0.patient_id = a.patient_id AND y0.measured_at > f.measured_at
              AND (to_jsonb(y0) ->> f.metric IS NOT NULL OR y0.kind = r.vital)
            ORDER BY y0.measured_at DESC, y0.id DESC LIMIT 1) y ON to_jsonb(y) ->> f.metric IS NOT NULL
     WHERE a.status <> 'resolved' AND a.severity = 'high' AND a.age <> 'historic'
       AND ($1::uuid IS NULL OR a.patient_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
       AND y.source = 'device' AND y.received_at - y.measured_at <= interval '24 hours' AND NOT y.flags && $3::text[]
       AND NOT EXISTS (SELECT FROM finding g WHERE g.patient_id = y.patient_id AND g.anchor = y.id::text
                          AND g.superseded_at IS NULL)
     ORDER BY a.id LIMIT 500
"""


async def proposed(
    db: Db, now: datetime, patient: uuid.UUID | None = None, alert: uuid.UUID | None = None
) -> dict[str, Proposal]:
    """By the alert's id in words: of the organization, of one patient, or of one alert."""
    found = [Proposal(**dict(row)) for row in await db.fetch(PROPOSED, patient, alert, NOT_USUAL)]
    pressures = {one.patient_id for one in found if one.metric in PRESSURES}
    applying = await limits.of_patients(db, sorted(pressures), now) if pressures else {}
    return {str(one.alert_id): one for one in found if _clear(one, applying.get(one.patient_id, ()))}


def _clear(one: Proposal, applying: Iterable[Limit]) -> bool:
    """What would not let a waiting page be dropped offers nobody to lower an alert either."""
    if one.metric not in PRESSURES:
        return True
    if one.systolic_mmhg is None or one.diastolic_mmhg is None:
        return False
    return waits.clear(Pressure(one.systolic_mmhg, one.diastolic_mmhg), applying)


TAKE = "SELECT severity FROM alert WHERE patient_id = $1 AND id = $2 AND status <> 'resolved' FOR UPDATE"
LOWER = """
    WITH lowered AS (
        UPDATE alert SET severity = 'medium'
         WHERE patient_id = $2 AND id = $3 AND severity = 'high' AND status <> 'resolved'
        RETURNING organization_id, patient_id, id)
    INSERT INTO lowering (id, organization_id, patient_id, alert_id, staff_id, reading_id, measured_at, lowered_at)
    SELECT $1, organization_id, patient_id, id, $4, $5, $6, $7 FROM lowered
    RETURNING id
"""


async def lower(db: Db, patient: uuid.UUID, alert: uuid.UUID, by: uuid.UUID, now: datetime) -> Proposal | None:
    """High to medium, when a reading proposes it still; the reading. Status and owner of the alert stay as they are.

    The row is taken first: a crossing that comes at this moment either is seen here, or raises the alert again.
    """
    await db.fetchval(TAKE, patient, alert)
    found = (await proposed(db, now, patient, alert)).get(str(alert))
    if found is None:
        return None
    made = await db.fetchval(LOWER, uuid7(), patient, alert, by, found.reading_id, found.measured_at, now)
    return found if made is not None else None


RAISE = """
    WITH raised AS (
        UPDATE alert a SET severity = 'high'
         WHERE a.patient_id = $1 AND a.id = $2 AND a.severity = 'medium' AND a.status <> 'resolved'
           AND EXISTS (SELECT FROM lowering l WHERE l.patient_id = $1 AND l.alert_id = $2 AND l.raised_at IS NULL)
        RETURNING a.id)
    UPDATE lowering l SET raised_at = $4, raised_by = $3
      FROM raised WHERE l.patient_id = $1 AND l.alert_id = raised.id AND l.raised_at IS NULL
    RETURNING l.id
"""


async def raise_again(db: Db, patient: uuid.UUID, alert: uuid.UUID, by: uuid.UUID, now: datetime) -> bool:
    """Take a lowering back. True when this caller did; its pages begin anew at the nurse."""
    return await db.fetchval(RAISE, patient, alert, by, now) is not None


class Lowered(msgspec.Struct, frozen=True, kw_only=True):
    """That an alert is lower than it was, by whom, since when."""

    by: str
    at: datetime


LOWERED = """
    SELECT l.alert_id, s.name AS by, l.lowered_at AS at
      FROM lowering l
      JOIN alert a ON a.patient_id = l.patient_id AND a.id = l.alert_id AND a.severity = 'medium'
                  AND a.status <> 'resolved'
      JOIN staff s ON s.id = l.staff_id
     WHERE l.raised_at IS NULL AND a.id = ANY($1)
     ORDER BY l.lowered_at
"""


async def lowered(db: Db, alerts: list[uuid.UUID]) -> dict[str, Lowered]:
    """Of these alerts those that stand lowered, by id in words."""
    return {str(row["alert_id"]): Lowered(by=row["by"], at=row["at"]) for row in await db.fetch(LOWERED, alerts)}
