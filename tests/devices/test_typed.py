"""A typed number in the unit it can only have meant, or in doubt with all it could mean."""

from decimal import Decimal
from typing import Any

import pytest

from devices.typed import meant


def numbers(**values: float) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in values.items()}


WEIGHS_81 = numbers(weight_kg=81)
SUGAR_200 = numbers(glucose_mgdl=200)


@pytest.mark.parametrize(
    ("kind", "typed", "unit", "usual", "column", "value"),
    [
        ("weight", numbers(weight=180), "lb", {}, "weight_kg", "81.65"),
        ("weight", numbers(weight=180), None, WEIGHS_81, "weight_kg", "81.65"),
        ("weight", numbers(weight=82), None, WEIGHS_81, "weight_kg", "82"),
        ("glucose", numbers(glucose=110), None, {}, "glucose_mgdl", "110"),
        ("glucose", numbers(glucose=5.5), None, {}, "glucose_mgdl", "99.1"),
        ("glucose", numbers(glucose=12), None, SUGAR_200, "glucose_mgdl", "216.2"),
        ("temperature", numbers(temperature=98.6), None, {}, "temperature_c", "37.00"),
        ("temperature", numbers(temperature=38.5), None, {}, "temperature_c", "38.5"),
        ("blood_pressure", numbers(systolic=18, diastolic=12, pulse=70), "kPa", {}, "pulse_bpm", "70"),
    ],
)
def test_the_unit_is_certain_when_only_one_can_be_meant(
    kind: str, typed: Any, unit: str | None, usual: Any, column: str, value: str
) -> None:
    one = meant(kind, typed, unit, None, usual)
    assert one.why is None
    assert one.values[column] == Decimal(value)


@pytest.mark.parametrize(
    ("kind", "typed", "unit", "usual", "why", "many"),
    [
        ("weight", numbers(weight=180), None, {}, "unit", 2),
        ("weight", numbers(weight=178), "kg", WEIGHS_81, "unit", 1),  # said kg, and is what they weigh in pounds
        ("glucose", numbers(glucose=25), None, {}, "unit", 2),
        ("blood_pressure", numbers(systolic=90, diastolic=140), None, {}, "impossible", 1),
        ("blood_pressure", numbers(systolic=150), None, {}, "half", 1),
        ("spo2", numbers(spo2=30), None, {}, "impossible", 1),
        ("number", numbers(number=98.6), None, {}, "kind", 0),
    ],
)
def test_what_may_mean_several_things_is_in_doubt_with_all_of_them(
    kind: str, typed: Any, unit: str | None, usual: Any, why: str, many: int
) -> None:
    one = meant(kind, typed, unit, None, usual)
    assert (one.why, len(one.possible)) == (why, many)


def test_a_meters_hi_is_certain_and_has_no_number() -> None:
    one = meant("glucose", {}, None, "above", {})
    assert (one.why, one.values, one.out_of_range) == (None, {}, "above")
