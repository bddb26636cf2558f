"""What a reading in doubt could mean: the same numbers in each unit that makes them possible. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from devices.decoded import DecodedReading
from devices.units import BY_COLUMN, Metric

Values = Mapping[str, Decimal]


def meanings(reading: DecodedReading) -> list[Values]:
    """Every reading of the numbers that a body could show; as they stand when there is none.

    A "temperature of 98.6 °C" can only have been Fahrenheit, a "glucose of 2.8 mg/dL" only mmol/L. A systolic of
    310 mmHg is possible in no unit, and is judged as it stands: doubt never silences.
    """
    possible = [values for values in (_in_unit(reading.values, unit) for unit in _units(reading)) if values]
    return possible or [reading.values]


def _units(reading: DecodedReading) -> list[str]:
    """The units the sender may have meant; numbers of one message share one."""
    return sorted({unit for column in reading.values for unit in BY_COLUMN[column].accepts})


def _in_unit(values: Values, unit: str) -> Values | None:
    """The numbers as if sent in that unit; None when that makes no possible reading."""
    meant = {column: _meant(BY_COLUMN[column], value, unit) for column, value in values.items()}
    if any(not BY_COLUMN[column].low <= value <= BY_COLUMN[column].high for column, value in meant.items()):
        return None
    systolic, diastolic = meant.get("systolic_mmhg"), meant.get("diastolic_mmhg")
    if systolic is not None and diastolic is not None and systolic <= diastolic:
        return None
    return meant


def _meant(metric: Metric, value: Decimal, unit: str) -> Decimal:
    convert = metric.accepts.get(unit)  # a pulse beside a pressure keeps its own unit
    return value if convert is None or unit == metric.ucum else round(convert(value), metric.digits)
