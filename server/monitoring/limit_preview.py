"""What another limit would have made of a patient's last days: the same judging, on the readings that are stored."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.monitoring import limit_checks, rules
from server.monitoring.findings import Severity
from server.monitoring.limits import Limit
from server.monitoring.own_limits import Key, Level
from server.monitoring.rules import Measured

METRICS = (
    "systolic_mmhg", "diastolic_mmhg", "pulse_bpm", "glucose_mgdl", "weight_kg", "spo2_pct", "temperature_c",
)  # fmt: skip

READINGS = """
    SELECT id, organization_id, patient_id, kind, measured_at, out_of_range, systolic_mmhg, diastolic_mmhg, pulse_bpm,
           glucose_mgdl, weight_kg, spo2_pct, temperature_c
      FROM reading WHERE patient_id = $1 AND measured_at > $2 AND measured_at <= $3
     ORDER BY measured_at, id
"""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many readings that speak of the rule, how many cross it at each severity: as it is, as it would be."""

    readings: int
    before: dict[Severity, int]
    after: dict[Severity, int]


async def stored(db: Db, patient: uuid.UUID, since: datetime, now: datetime) -> list[Measured]:
    """The patient's readings, as they would be judged."""
    found = []
    for row in await db.fetch(READINGS, patient, since, now):
        values = {metric: row[metric] for metric in METRICS if row[metric] is not None}
        found.append(
            Measured(
                id=row["id"], organization_id=row["organization_id"], patient_id=row["patient_id"], kind=row["kind"],
                values=values, out_of_range=row["out_of_range"], measured_at=row["measured_at"], age="live",
            )
        )  # fmt: skip
    return found


def compare(
    measured: Sequence[Measured], levels: Sequence[Level], rule: uuid.UUID, values: Mapping[Key, Decimal | None]
) -> Preview:
    """Judged twice: with what holds, and with `values` in its place."""
    of_rule = [level for level in levels if level.rule_id == rule]
    metrics = {level.metric for level in of_rule}
    vitals = {level.vital for level in of_rule}
    speaking = [one for one in measured if metrics & one.values.keys() or (one.out_of_range and one.kind in vitals)]
    return Preview(
        readings=len(speaking),
        before=_count(speaking, limit_checks.after(of_rule, rule, {})),
        after=_count(speaking, limit_checks.after(of_rule, rule, values)),
    )


def _count(measured: Sequence[Measured], holding: Mapping[Level, Decimal]) -> dict[Severity, int]:
    limits = [
        Limit(
            rule_id=level.rule_id, rule_version_id=level.rule_version_id, vital=level.vital, metric=level.metric,
            side=level.side, severity=level.severity, value=value,
        )
        for level, value in holding.items()
    ]  # fmt: skip
    found = rules.judge(measured, {one.patient_id: limits for one in measured})
    return dict(Counter(finding.severity for finding in found))
