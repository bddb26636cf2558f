"""Numbers in texts: what is a value, of which kind and unit, and what is none."""

from decimal import Decimal
from typing import Any

import pytest

from notifications.texted import Typed, completed, told


def one(kind: str, unit: str | None = None, **numbers: float) -> tuple[str, dict[str, Decimal], str | None]:
    return kind, {name: Decimal(str(value)) for name, value in numbers.items()}, unit


def bp(systolic: float, diastolic: float, **more: float) -> Any:
    return one("blood_pressure", systolic=systolic, diastolic=diastolic, **more)


VALUES = [
    ("140/90", [bp(140, 90)]),
    ("140 / 90", [bp(140, 90)]),
    ("140 over 90", [bp(140, 90)]),
    ("140-90", [bp(140, 90)]),
    ("140 90", [bp(140, 90)]),
    ("140 90 70", [bp(140, 90, pulse=70)]),
    ("BP: 120/80/65", [bp(120, 80, pulse=65)]),
    ("bp 150 over 95 pulse 70", [bp(150, 95, pulse=70)]),
    ("bp 128/82 hr 66", [bp(128, 82, pulse=66)]),
    ("My blood pressure today is 151/88 this am", [bp(151, 88)]),
    ("presión 150 sobre 95", [bp(150, 95)]),
    ("Tengo la presion en 180/110", [bp(180, 110)]),
    ("systolic 150 diastolic 95", [bp(150, 95)]),
    ("150/95 at 8 am", [bp(150, 95)]),
    ("bp 150", [one("blood_pressure", systolic=150)]),
    ("sugar 110", [one("glucose", glucose=110)]),
    ("110 sugar", [one("glucose", glucose=110)]),
    ("azúcar 110", [one("glucose", glucose=110)]),
    ("hi my sugar is 90", [one("glucose", glucose=90)]),
    ("glucosa 250 mg/dl", [one("glucose", "mg/dL", glucose=250)]),
    ("glucose 5,5 mmol/l", [one("glucose", "mmol/L", glucose=5.5)]),
    ("peso 81 kg", [one("weight", "kg", weight=81)]),
    ("peso 81,5 kilos", [one("weight", "kg", weight=81.5)]),
    ("weight 180", [one("weight", weight=180)]),
    ("180 lbs", [one("weight", "lb", weight=180)]),
    ("weighed 182.4 this morning", [one("weight", weight=182.4)]),
    ("mi peso hoy 178 libras", [one("weight", "lb", weight=178)]),
    ("oxygen 88", [one("spo2", spo2=88)]),
    ("o2 sat 93%", [one("spo2", "%", spo2=93)]),
    ("oxigeno 91", [one("spo2", spo2=91)]),
    ("pulse 70", [one("pulse", pulse=70)]),
    ("temp 101.2", [one("temperature", temperature=101.2)]),
    ("101.2 F", [one("temperature", "F", temperature=101.2)]),
    ("fiebre de 38.5 c", [one("temperature", "C", temperature=38.5)]),
    ("98.6", [one("number", number=98.6)]),
    ("bp 140/90 sugar 110", [bp(140, 90), one("glucose", glucose=110)]),
    ("sugar fine bp 140/90", [bp(140, 90)]),
    ("my pressure is 190 over 125 and my chest hurts", [bp(190, 125)]),
    ("140/90 and again 138/88", [bp(140, 90), bp(138, 88)]),
]
NONE = [
    "1", "2", "24/7", "my appt is 11/24", "call me 212-555-0123", "took 500 mg", "bp meds 20 mg", "lisinopril 20",
    "room 140", "it is 7/10 pain", "at 10/30 am", "up 3 lbs", "weight up 3 lb since Monday", "I walked 3000 steps",
    "i took 2 pills at 8", "I check my sugar 3 times today", "bp 2 times a day", "my pulse 30 minutes",
    "metformin for sugar is 500 mg", "O2 at 2 liters", "my bp was 200/120 last week", "ayer tuve 180/100", "done", "",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_a_value_is_read_as_it_was_typed(text: str, expected: list[Any]) -> None:
    assert [(v.kind, v.numbers, v.unit) for v in told(text).values] == expected


@pytest.mark.parametrize("text", NONE)
def test_what_counts_something_else_is_no_value(text: str) -> None:
    assert told(text).values == ()


@pytest.mark.parametrize(
    ("text", "beyond"), [("sugar HI", "above"), ("meter says LO", "below"), ("azucar marca HI", "above")]
)
def test_a_meters_hi_and_lo_are_values_without_a_number(text: str, beyond: str) -> None:
    [value] = told(text).values
    assert (value.kind, value.numbers, value.beyond) == ("glucose", {}, beyond)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [("is 140/90 high?", "question"), ("My goal is 130/80", "question"), ("her bp is 190/120", "whose"),
     ("mi esposo tiene 190/120", "whose"), ("bp 140/90", None)],
)  # fmt: skip
def test_a_question_or_somebody_elses_number_is_in_doubt(text: str, doubt: str | None) -> None:
    assert told(text).doubt == doubt
    assert told(text).values


@pytest.mark.parametrize(
    ("text", "context"),
    [("azúcar en ayunas 145", "fasting"), ("sugar before breakfast 110", "before_meal"), ("sugar 180 after dinner", "after_meal"),
     ("bp 120/80 after dinner", None)],
)  # fmt: skip
def test_a_sugar_keeps_when_it_was_measured(text: str, context: str | None) -> None:
    assert told(text).values[0].context == context


@pytest.mark.parametrize(
    ("text", "more"),
    [("140/90", False), ("hello doctor my bp is 140/90 thank you", False), ("140/90 but I feel strange", True),
     ("bp 140/90 can you refill my prescription", True)],
)  # fmt: skip
def test_what_is_said_beside_the_value_is_noticed(text: str, more: bool) -> None:
    assert told(text).more is more


@pytest.mark.parametrize(
    ("before", "text", "kind", "numbers", "unit"),
    [
        ("weight 180", "lbs", "weight", {"weight": Decimal(180)}, "lb"),
        ("sugar 25", "mmol", "glucose", {"glucose": Decimal(25)}, "mmol/L"),
        ("98.6", "temperature", "temperature", {"temperature": Decimal("98.6")}, None),
        ("bp 150", "95", "blood_pressure", {"systolic": Decimal(150), "diastolic": Decimal(95)}, None),
    ],
)
def test_what_was_missing_completes_the_value(
    before: str, text: str, kind: str, numbers: Any, unit: str | None
) -> None:
    whole = completed(told(before).values[0], text)
    assert whole is not None
    assert (whole.kind, whole.numbers, whole.unit) == (kind, numbers, unit)


def test_other_words_complete_nothing() -> None:
    assert completed(Typed(kind="weight", numbers={"weight": Decimal(180)}), "I do not know") is None
