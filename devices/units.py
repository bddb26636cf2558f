"""Kinds of readings, their canonical units, plausible ranges and codes, in one place.

Worked example: a glucometer says 5.5 mmol/L; `canonical("glucose", 5.5, "mmol/L")` is 99.1 (mg/dL, 5.5 × 18.018),
stored in `glucose_mgdl`, plausible because it lies in 10–700. Sources: CLINICAL.md's table of vitals (LOINC, UCUM,
IEEE 11073 nomenclature), kPa × 7.50062 = mmHg.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

Convert = Callable[[Decimal], Decimal]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One number: its column, canonical UCUM unit, plausible range (inclusive), and codes."""

    column: str
    ucum: str
    low: Decimal
    high: Decimal
    loinc: str
    mdc: int | None
    accepts: dict[str, Convert]
    digits: int


def _times(factor: str) -> Convert:
    return lambda value: value * Decimal(factor)


def _same(value: Decimal) -> Decimal:
    return value


def _fahrenheit(value: Decimal) -> Decimal:
    return (value - 32) * 5 / 9


_PRESSURE: dict[str, Convert] = {"mm[Hg]": _same, "mmHg": _same, "kPa": _times("7.50062")}
_RATE: dict[str, Convert] = {"/min": _same, "bpm": _same, "{beats}/min": _same}


def _metric(
    column: str, ucum: str, span: tuple[int, int], codes: tuple[str, int | None], accepts: dict[str, Convert],
    digits: int,
) -> Metric:  # fmt: skip
    return Metric(
        column=column, ucum=ucum, low=Decimal(span[0]), high=Decimal(span[1]), loinc=codes[0], mdc=codes[1],
        accepts=accepts, digits=digits,
    )  # fmt: skip


METRICS: dict[str, Metric] = {
    "systolic": _metric("systolic_mmhg", "mm[Hg]", (50, 300), ("8480-6", 150021), _PRESSURE, 1),
    "diastolic": _metric("diastolic_mmhg", "mm[Hg]", (20, 200), ("8462-4", 150022), _PRESSURE, 1),
    "pulse": _metric("pulse_bpm", "/min", (20, 250), ("8867-4", 149546), _RATE, 0),
    "glucose": _metric(
        "glucose_mgdl", "mg/dL", (10, 700), ("41653-7", 160184), {"mg/dL": _same, "mmol/L": _times("18.018")}, 1
    ),
    "weight": _metric(
        "weight_kg", "kg", (2, 400), ("29463-7", 188736),
        {"kg": _same, "[lb_av]": _times("0.45359237"), "lb": _times("0.45359237"), "g": _times("0.001")}, 2,
    ),
    "spo2": _metric("spo2_pct", "%", (50, 100), ("59408-5", 150456), {"%": _same}, 1),
    "temperature": _metric(
        "temperature_c", "Cel", (30, 44), ("8310-5", 150364),
        {"Cel": _same, "°C": _same, "C": _same, "[degF]": _fahrenheit, "°F": _fahrenheit, "F": _fahrenheit}, 2,
    ),
}  # fmt: skip

# kind of reading → the numbers it must carry, the numbers it may carry beside them
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "blood_pressure": (("systolic", "diastolic"), ("pulse",)),
    "glucose": (("glucose",), ()),
    "weight": (("weight",), ()),
    "spo2": (("spo2",), ("pulse",)),
    "pulse": (("pulse",), ()),
    "temperature": (("temperature",), ()),
}
COLUMNS: tuple[str, ...] = tuple(metric.column for metric in METRICS.values())
BY_COLUMN: dict[str, Metric] = {metric.column: metric for metric in METRICS.values()}


def canonical(metric: str, value: Decimal, unit: str | None) -> Decimal | None:
    """The value in the metric's canonical unit; None when the unit is not one of the metric's.

    A missing unit means the canonical one. A value already canonical keeps the digits it was sent with.
    """
    known = METRICS[metric]
    if unit is None or unit == known.ucum:
        return value
    convert = known.accepts.get(unit)
    if convert is None:
        return None
    converted = convert(value)
    return value if convert is _same else round(converted, known.digits)
