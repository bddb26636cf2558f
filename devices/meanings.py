"""What a reading in doubt could mean: the same numbers in each unit that makes them possible. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from devices.decoded import DecodedReading
from devices.units import BY_COLUMN, Convert, Metric

Values = Mapping[str, Decimal]
Meant = Callable[[Metric, Decimal, str], Decimal]


def meanings(reading: DecodedReading, baseline: Values | None = None) -> list[Values]:
    """Every reading of the numbers that a body could show; as they stand when there is none.

    A "temperature of 98.6 °C" can only have been Fahrenheit, a "glucose of 2.8 mg/dL" only mmol/L. A systolic of
    310 mmHg is possible in no unit, and is judged as it stands: doubt never silences. A glucose of 2162 mg/dL may be
    120 mg/dL labelled mmol/L, and is judged as that too. While the numbers are possible, a wrong label is believed
    only when it brings them nearer to the patient's own `baseline`: else each weight would also be one 2.2 times as
    heavy.
    """
    possible = _distinct([reading.values, *_taken(reading.values, _unlabelled)])
    mislabelled = _taken(reading.values, _mislabelled)
    nearer = [values for values in mislabelled if baseline and _nearer(values, reading.values, baseline)]
    return _distinct([*possible, *nearer]) or [reading.values, *_distinct(mislabelled)]


def swapped(values: Values) -> list[Values]:
    """The possible readings of the numbers in another unit than the one they came in, whichever way it was mistaken."""
    return [
        meant for meant in _distinct([*_taken(values, _unlabelled), *_taken(values, _mislabelled)]) if meant != values
    ]


def possible_body(values: Values) -> bool:
    """True when each number lies in what a body and a device can show, and systolic is above diastolic."""
    for column, value in values.items():
        metric = BY_COLUMN[column]
        if not metric.low <= value <= metric.high:
            return False
    systolic, diastolic = values.get("systolic_mmhg"), values.get("diastolic_mmhg")
    return systolic is None or diastolic is None or systolic > diastolic


def _distinct(candidates: list[Values]) -> list[Values]:
    """Those a body could show, each once, in order."""
    possible = [values for values in candidates if possible_body(values)]
    return [values for n, values in enumerate(possible) if values not in possible[:n]]


def _taken(values: Values, meant: Meant) -> list[Values]:
    """The numbers as if meant in each unit of theirs; numbers of one message share one."""
    units = sorted({unit for column in values for unit in BY_COLUMN[column].accepts})
    return [{column: meant(BY_COLUMN[column], value, unit) for column, value in values.items()} for unit in units]


def _unlabelled(metric: Metric, value: Decimal, unit: str) -> Decimal:
    """The number was in `unit`, and was taken for the canonical one."""
    convert = metric.accepts.get(unit)  # a pulse beside a pressure keeps its own unit
    return value if convert is None or convert(value) == value else round(convert(value), metric.digits)


def _mislabelled(metric: Metric, value: Decimal, unit: str) -> Decimal:
    """The number was canonical, and was converted as if it had been in `unit`."""
    convert = metric.accepts.get(unit)
    return value if convert is None or convert(value) == value else round(_inverse(convert, value), metric.digits)


def _inverse(convert: Convert, value: Decimal) -> Decimal:
    zero = convert(Decimal(0))  # every unit is a factor and an offset of another
    return (value - zero) / (convert(Decimal(1)) - zero)


def _nearer(values: Values, sent: Values, baseline: Values) -> bool:
    known = [column for column in values if column in baseline and values[column] != sent[column]]
    return bool(known) and all(
        _apart(values[column], baseline[column]) < _apart(sent[column], baseline[column]) for column in known
    )


def _apart(value: Decimal, usual: Decimal) -> Decimal:
    """How many times the one is the other: 262 is 2.2 times a usual 118, and 14.5 is an eighth of it."""
    low, high = sorted((value, usual))
    return high / low if low > 0 else Decimal("Infinity")
