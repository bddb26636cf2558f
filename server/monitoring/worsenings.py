"""A worsening is a high reading clearly worse than those an alert was paged for; it pages again, once per worsening."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Finding, Side
from server.monitoring.limits import UPPER
from server.monitoring.returns import Returned
from server.monitoring.waits import Pressure

# How much further is a step worse. Settings of 2026-11-22, for clinical sign-off: 20/10 mmHg is the step between the
# stages of blood pressure (AHA/ACC); for the others what a device may err by, so that a step is never mere error
# (ISO 15197: 15 mg/dL below 100, 15 % above, of 400; ISO 80601-2-61: 4 points of SpO2). The rest are Careloop's own.
STEPS: Mapping[tuple[str, bool], Decimal] = {
    ("systolic_mmhg", True): Decimal(20), ("diastolic_mmhg", True): Decimal(10), ("systolic_mmhg", False): Decimal(10),
    ("glucose_mgdl", True): Decimal(60), ("glucose_mgdl", False): Decimal(15), ("spo2_pct", False): Decimal(4),
    ("temperature_c", True): Decimal(1), ("temperature_c", False): Decimal(1),
    ("pulse_bpm", True): Decimal(20), ("pulse_bpm", False): Decimal(10),
    ("weight_kg", True): Decimal(2),
}  # fmt: skip
PRESSURES = ("systolic_mmhg", "diastolic_mmhg")
BEYOND = 99  # a meter's HI or LO is the worst there is


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert had of one number before: its first, and its furthest to each side."""

    first: Decimal
    highest: Decimal
    lowest: Decimal


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The earlier high readings of an alert, by number. `beyond`: one of them was a meter's HI or LO."""

    numbers: Mapping[str, Earlier]
    beyond: bool


class Worse(msgspec.Struct, frozen=True, kw_only=True):
    """By how many steps the alert's worst number is worse than its first. `name` is the same for the same worsening."""

    alert_id: uuid.UUID
    metric: str
    steps: int

    @property
    def name(self) -> str:
        return f"page:{self.alert_id}:high:worse:{self.metric}:{self.steps}"


def worse(
    alert: uuid.UUID, finding: Finding, pressure: Pressure | None, before: Before, never: tuple[int, int]
) -> Worse | None:
    """Whether a new high reading (`pressure`: both its numbers) is a step further than every one before it.

    To reach the pressure from which no page waits (`never`) is a step too. The other number of a pressure counts from
    there on: 185/100 and then 186/140 is worse.
    """
    if finding.value is None:
        return None if before.beyond else Worse(alert_id=alert, metric=finding.metric, steps=BEYOND)
    if before.beyond:
        return None
    levels = dict(zip(PRESSURES, map(Decimal, never), strict=True))
    both = dict(zip(PRESSURES, (pressure.systolic, pressure.diastolic), strict=True)) if pressure else {}
    for metric, value in {finding.metric: finding.value, **both}.items():
        earlier, level = before.numbers.get(metric), levels.get(metric) if finding.side in UPPER else None
        if earlier is None or (metric != finding.metric and (level is None or value < level)):
            continue
        worst = earlier.highest if finding.side in UPPER else earlier.lowest
        steps = _steps(metric, finding.side, value, earlier.first, level)
        if steps > _steps(metric, finding.side, worst, earlier.first, level):
            return Worse(alert_id=alert, metric=metric, steps=steps)
    return None


def _steps(metric: str, side: Side, value: Decimal, first: Decimal, level: Decimal | None) -> int:
    further = value - first if side in UPPER else first - value
    step = STEPS.get((metric, side in UPPER))
    reached = level is not None and value >= level > first
    return (max(0, int(further // step)) if step else 0) + reached


# Certain ones only: what is in doubt has no reading yet, and must not hide a real worsening.
BEFORE = """
    SELECT f.alert_id, bool_or(f.value IS NULL) AS beyond, m.metric,
           (array_agg(m.value ORDER BY f.found_at, f.measured_at, f.id))[1] AS first,
           max(m.value) AS highest, min(m.value) AS lowest
      FROM finding f
      JOIN reading r ON r.patient_id = f.patient_id AND r.measured_at = f.measured_at AND r.id::text = f.anchor
     CROSS JOIN LATERAL (
           VALUES ('systolic_mmhg', r.systolic_mmhg), ('diastolic_mmhg', r.diastolic_mmhg), ('pulse_bpm', r.pulse_bpm),
                  ('glucose_mgdl', r.glucose_mgdl), ('weight_kg', r.weight_kg), ('spo2_pct', r.spo2_pct),
                  ('temperature_c', r.temperature_c)) AS m (metric, value)
     WHERE f.patient_id = ANY($1) AND f.alert_id = ANY($2) AND f.id <> ALL($3) AND f.severity = 'high'
       AND f.superseded_at IS NULL
     GROUP BY f.alert_id, m.metric
"""


async def before(
    db: Db, patients: Iterable[uuid.UUID], alerts: Iterable[uuid.UUID], new: Iterable[uuid.UUID]
) -> dict[uuid.UUID, Before]:
    """By alert; `new` are findings of now, which are left out."""
    numbers: dict[uuid.UUID, dict[str, Earlier]] = {}
    beyond: set[uuid.UUID] = set()
    for alert, off, metric, first, *ends in await db.fetch(BEFORE, sorted(set(patients)), list(alerts), list(new)):
        of_alert = numbers.setdefault(alert, {})
        beyond |= {alert} if off else set()
        if first is not None:
            of_alert[metric] = Earlier(first=first, highest=ends[0], lowest=ends[1])
    return {alert: Before(numbers=of_alert, beyond=alert in beyond) for alert, of_alert in numbers.items()}


# A rise of severity opens an acknowledged alert again, and so does this; the worker begins its chain anew.
OPEN_AGAIN = """
    UPDATE alert SET status = 'open' WHERE patient_id = ANY($1) AND id = ANY($2) AND status = 'acknowledged'
"""


async def open_again(db: Db, patients: Sequence[uuid.UUID], alerts: Sequence[uuid.UUID]) -> None:
    """What somebody has taken waits for an answer again."""
    if alerts:
        await db.execute(OPEN_AGAIN, sorted(set(patients)), sorted(alerts))


# The page that was written with the reading is the first step: the round begins when it was written. Without this the
# steps that were not taken while somebody had the alert would all be overdue at once.
RESTART = """
    UPDATE escalation e
       SET round = e.round + 1, position = 0, started_at = w.at, stepped_at = w.at, due_at = w.at, repeating = false,
           ended_at = NULL
      FROM alert a
      JOIN LATERAL (
           SELECT max(m.created_at) AS at FROM message m
            WHERE m.alert_id = a.id AND m.purpose = 'page'
              AND m.unique_for LIKE 'page:' || a.id || ':high:worse:%' AND m.created_at >= a.acknowledged_at) w
           ON w.at IS NOT NULL
     WHERE a.patient_id = e.patient_id AND a.id = e.id AND a.status = 'open' AND a.acknowledged_at >= e.started_at
       AND w.at > e.started_at
    RETURNING a.id, a.organization_id, a.patient_id, 'worse' AS why
"""


async def restart(db: Db) -> list[Returned]:
    """Begin at the first step again, of each alert that got worse after somebody had taken it."""
    return [Returned(**dict(row)) for row in await db.fetch(RESTART)]
