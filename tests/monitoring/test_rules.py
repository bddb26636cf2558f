"""Crossing a limit, at each boundary."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.db.ids import uuid7
from server.monitoring import rules
from server.monitoring.findings import Severity, Side
from server.monitoring.limits import Limit
from server.monitoring.rules import Measured

PATIENT, ORGANIZATION = uuid7(), uuid7()
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BP, LOW, HIGH = uuid7(), uuid7(), uuid7()


def limit(version: object, vital: str, metric: str, side: Side, severity: Severity, value: str) -> Limit:
    return Limit(
        rule_id=version,
        rule_version_id=version,
        vital=vital,
        metric=metric,
        side=side,
        severity=severity,
        value=Decimal(value),  # type: ignore[arg-type]
    )


LIMITS = [
    limit(BP, "blood_pressure", "systolic_mmhg", "at_or_above", "high", "180"),
    limit(BP, "blood_pressure", "diastolic_mmhg", "at_or_above", "high", "120"),
    limit(LOW, "glucose", "glucose_mgdl", "below", "high", "54"),
    limit(LOW, "glucose", "glucose_mgdl", "below", "medium", "70"),
    limit(HIGH, "glucose", "glucose_mgdl", "at_or_above", "high", "400"),
    limit(HIGH, "glucose", "glucose_mgdl", "above", "medium", "250"),
]


def measured(kind: str, out_of_range: str | None = None, **values: str) -> Measured:
    return Measured(
        id=uuid7(), organization_id=ORGANIZATION, patient_id=PATIENT, kind=kind, measured_at=NOW, age="live",
        values={name: Decimal(value) for name, value in values.items()}, out_of_range=out_of_range,  # type: ignore[arg-type]
    )  # fmt: skip


def severities(one: Measured) -> list[str]:
    return [finding.severity for finding in rules.judge([one], {PATIENT: LIMITS})]


@pytest.mark.parametrize(
    ("systolic", "diastolic", "found"),
    [("179.9", "119", []), ("180", "90", ["high"]), ("150", "120", ["high"]), ("192", "124", ["high"])],
)
def test_blood_pressure(systolic: str, diastolic: str, found: list[str]) -> None:
    assert severities(measured("blood_pressure", systolic_mmhg=systolic, diastolic_mmhg=diastolic)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("53.9", ["high"]), ("54", ["medium"]), ("69.9", ["medium"]), ("70", []), ("250", []), ("250.1", ["medium"]),
        ("399.9", ["medium"]), ("400", ["high"]),
    ],
)  # fmt: skip
def test_glucose(value: str, found: list[str]) -> None:
    assert severities(measured("glucose", glucose_mgdl=value)) == found


def test_hi_crosses_every_upper_limit_and_lo_every_lower_one_of_its_own_vital() -> None:
    for side, version in (("above", HIGH), ("below", LOW)):
        found = rules.judge([measured("glucose", side)], {PATIENT: LIMITS})
        assert [(f.rule_version_id, f.severity, f.value) for f in found] == [(version, "high", None)]
    assert severities(measured("blood_pressure", "above", pulse_bpm="70")) == ["high"]


def test_nothing_is_judged_by_another_patients_limits() -> None:
    assert rules.judge([measured("blood_pressure", systolic_mmhg="250", diastolic_mmhg="90")], {uuid7(): LIMITS}) == []


@given(st.lists(st.integers(20, 300), max_size=20), st.randoms(use_true_random=False))
def test_order_and_order_of_limits_change_nothing(values: list[int], chance: random.Random) -> None:
    readings = [measured("blood_pressure", systolic_mmhg=str(v), diastolic_mmhg=str(v - 10)) for v in values]
    facts = lambda found: {(f.anchor, f.rule_version_id, f.metric, f.severity, f.value) for f in found}  # noqa: E731
    first = facts(rules.judge(readings, {PATIENT: LIMITS}))
    shuffled, limits = chance.sample(readings, len(readings)), chance.sample(LIMITS, len(LIMITS))
    assert facts(rules.judge(shuffled, {PATIENT: limits})) == first
    assert len(first) == sum(v >= 180 or v - 10 >= 120 for v in values)


def test_equal_rule_sets_have_equal_names() -> None:
    assert rules.judged_with(LIMITS) == rules.judged_with(LIMITS[::-1])
    assert rules.judged_with(LIMITS) != rules.judged_with(LIMITS[1:])
