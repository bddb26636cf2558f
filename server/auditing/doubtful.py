"""Doubt is not silence: what is held is judged as all it could mean; worked out here anew, from the row that waits.

Units and what a body can show are written down a second time on purpose: the auditor shares them with nobody.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from server.auditing.crossings import NEAR
from server.auditing.mismatches import Missing
from server.db.pool import Db

Numbers = Mapping[str, Decimal]
Convert = Callable[[Decimal], Decimal]

# What a body and a device can show, in canonical units (CLINICAL.md's table of vitals).
POSSIBLE = {
    "systolic_mmhg": (50, 300), "diastolic_mmhg": (20, 200), "pulse_bpm": (20, 250), "glucose_mgdl": (10, 700),
    "weight_kg": (2, 400), "spo2_pct": (50, 100), "temperature_c": (30, 44),
}  # fmt: skip
PRESSURE: tuple[Convert, ...] = (lambda kpa: kpa * Decimal("7.50062"),)
# What a number may have been before it was taken for the canonical one.
OTHERWISE: dict[str, tuple[Convert, ...]] = {
    "systolic_mmhg": PRESSURE, "diastolic_mmhg": PRESSURE,
    "glucose_mgdl": (lambda mmol: mmol * Decimal("18.018"),),
    "weight_kg": (lambda pounds: pounds * Decimal("0.45359237"), lambda grams: grams / 1000),
    "temperature_c": (lambda fahrenheit: (fahrenheit - 32) * 5 / 9,),
}  # fmt: skip
DIGITS = {"weight_kg": 2, "temperature_c": 2}  # as many as are stored


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A reading in doubt, of a patient who is known."""

    id: uuid.UUID
    patient_id: uuid.UUID
    kind: str
    received_at: datetime
    reading: dict[str, Any]

    @property
    def numbers(self) -> Numbers:
        said = self.reading.get("values") or {}
        try:
            return {column: Decimal(str(value)) for column, value in said.items() if column in POSSIBLE}
        except (InvalidOperation, AttributeError):
            return {}


def meanings(numbers: Numbers) -> list[Numbers]:
    """All that a body could show; when there is nothing, the numbers as they stand."""
    return [one for one in (numbers, *_otherwise(numbers)) if _possible(one)] or [numbers]


def _otherwise(numbers: Numbers) -> Iterator[Numbers]:
    """Numbers of one message share their unit; a pulse keeps its own."""
    for place in range(max((len(OTHERWISE.get(column, ())) for column in numbers), default=0)):
        yield {
            column: round(ways[place](value), DIGITS.get(column, 1))
            if place < len(ways := OTHERWISE.get(column, ()))
            else value
            for column, value in numbers.items()
        }


def _possible(numbers: Numbers) -> bool:
    within = all(POSSIBLE[column][0] <= value <= POSSIBLE[column][1] for column, value in numbers.items())
    low, high = numbers.get("diastolic_mmhg"), numbers.get("systolic_mmhg")
    return within and (low is None or high is None or low < high)


LOOKED = """
    SELECT h.id, h.patient_id, h.kind, h.received_at, h.reading
      FROM held h JOIN audit_mark k ON k.organization_id = h.organization_id AND h.received_at >= k.begun_at
     WHERE h.patient_id IS NOT NULL AND h.reason IN ('implausible', 'unit_doubt')
       AND h.received_at > $1 AND h.received_at <= $2
     UNION ALL
    SELECT h.id, h.patient_id, h.kind, h.received_at, h.reading
      FROM audit_mismatch m JOIN held h ON h.id = m.key::uuid AND h.patient_id IS NOT NULL
     WHERE m.kind = 'doubt_without_finding' AND m.closed_at IS NULL AND h.received_at <= $1
"""
# A finding that was superseded was made: a person settled the doubt since.
UNJUDGED = """
    WITH said AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::numeric[])
                   AS n (id, patient_id, received_at, metric, value)),
    levels AS (
        SELECT n.id, v.id AS rule_version_id, d.side, n.value,
               array_position(ARRAY['low', 'medium', 'high'], d.severity) AS rank,
               coalesce((SELECT o.value FROM patient_limit o
                          WHERE o.patient_id = n.patient_id AND o.rule_id = u.id AND o.metric = d.metric
                            AND o.side = d.side AND o.severity = d.severity AND o.valid_from <= n.received_at
                            AND (o.valid_to IS NULL OR o.valid_to > n.received_at)
                          ORDER BY o.valid_from DESC LIMIT 1), d.value) AS limit_value
          FROM said n
          JOIN enrolment e ON e.patient_id = n.patient_id AND e.valid_from <= n.received_at - $6::interval
               AND (e.valid_to IS NULL OR e.valid_to > n.received_at + $6::interval)
          JOIN programme_rule g ON g.programme_id = e.programme_id
          JOIN rule u ON u.id = g.rule_id AND u.kind = 'crossing'
          JOIN rule_version v ON v.rule_id = u.id AND v.valid_from <= n.received_at - $6::interval
               AND (v.valid_to IS NULL OR v.valid_to > n.received_at + $6::interval)
         CROSS JOIN LATERAL (
               SELECT metric, side, severity, value FROM rule_limit WHERE rule_version_id = v.id
                UNION ALL
               SELECT metric, side, severity, value FROM programme_limit
                WHERE rule_version_id = v.id AND programme_id = e.programme_id) d
         WHERE d.metric = n.metric
           AND NOT EXISTS (
               SELECT FROM patient_limit c
                WHERE c.patient_id = n.patient_id AND c.rule_id = u.id
                  AND (c.valid_from BETWEEN n.received_at - $6::interval AND n.received_at + $6::interval
                    OR c.valid_to BETWEEN n.received_at - $6::interval AND n.received_at + $6::interval))),
    expected AS (
        SELECT id, rule_version_id, max(rank) AS rank FROM levels
         WHERE CASE side WHEN 'at_or_above' THEN value >= limit_value WHEN 'above' THEN value > limit_value
                         WHEN 'at_or_below' THEN value <= limit_value ELSE value < limit_value END
         GROUP BY id, rule_version_id)
    SELECT DISTINCT h.organization_id, h.id::text AS key, h.patient_id, h.measured_at
      FROM expected x JOIN held h ON h.id = x.id
     WHERE NOT EXISTS (
           SELECT FROM finding f
            WHERE f.patient_id = h.patient_id AND f.rule_version_id = x.rule_version_id AND f.anchor = h.id::text
              AND array_position(ARRAY['low', 'medium', 'high'], f.severity) >= x.rank)
"""


async def unjudged(db: Db, since: datetime, until: datetime) -> list[Missing]:
    """Held readings, new since and known from before, that could be beyond a limit and have no finding as severe."""
    looked = [Held(**dict(row)) for row in await db.fetch(LOOKED, since, until)]
    rows = [
        (one.id, one.patient_id, one.received_at, column, value)
        for one in looked
        for numbers in meanings(one.numbers)
        for column, value in numbers.items()
    ]
    if not rows:
        return []
    return [Missing(**dict(row)) for row in await db.fetch(UNJUDGED, *map(list, zip(*rows, strict=True)), NEAR)]
