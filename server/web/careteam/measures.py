"""A doubtful reading's numbers as a form: what the device said, and what a person makes of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from devices.decoded import DecodedReading
from devices.units import KINDS, METRICS, canonical
from server.web.shown import BEYOND, METRIC_UNITS

REASONS: Final = {
    "unassigned": "Nobody had this device on loan at that time",
    "other_slot": "Another user's button of a shared device",
    "future_time": "The device's clock is ahead",
    "implausible": "The numbers cannot be right as they stand",
    "unit_doubt": "It may be in another unit",
    "malformed": "Its fields are not what its format asks",
    "not_json": "It is no JSON",
    "empty": "There is nothing in it",
    "value_missing": "The number itself is missing",
    "unknown_kind": "A kind of reading nobody here knows",
    "unknown_code": "A code nobody here knows",
    "unknown_name": "A name nobody here knows",
    "flag_without_reading": "A flag without a reading to flag",
    "unknown_unit": "A unit nobody here knows",
    "unknown_schema": "A schema nobody here knows",
    "unknown_version": "A version nobody here knows",
    "unreadable_time": "Its time cannot be read",
    "time_missing": "It says no time",
    "failed_measurement": "The device says that the measurement failed",
    "control_solution": "The meter's own test, not the patient's blood",
    "test_data": "Test data, by its own word",
    "entered_in_error": "Taken back by its sender",
    "too_large": "Too many bytes for one message",
    "too_many_entries": "Too many readings in one message",
    "several_under_one_number": "Several readings under one number",
    "not_a_reading": "A message that is no reading",
    "device_status": "A device's word about itself, not a reading",
    "clock_only": "A device's clock, not a reading",
    "not_an_observation": "A FHIR resource that is no Observation",
    "no_observation": "A FHIR bundle without an Observation",
    "must_understand": "It says that it must be understood, and it is not",
    "decoder_failed": "Our decoder failed on it: please report this",
    "daily_cap": "More in a day than any home measures",
    "unknown_device": "Nobody registered this device",
    "disabled_device": "The device is disabled",
    "unknown_source": "The hub may not speak for this device",
    "database_refused": "The database refused it",
}

UNIT_NAMES: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F", "[lb_av]": "lb"}


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the form: the text that stands in it and the units to choose from."""

    name: str
    label: str
    text: str
    unit: str
    units: list[str]
    required: bool


def numbers(reading: DecodedReading, typed: Mapping[str, str] | None) -> list[Number]:
    """The fields of this kind of reading, as typed before if there was something to correct."""
    must, may = KINDS.get(reading.kind, ((), ()))
    given = typed or {}
    return [
        Number(
            name=name, label=name.replace("spo2", "oxygen saturation").capitalize(),
            text=given.get(f"value_{name}", _text(reading, name)), unit=given.get(f"unit_{name}", METRICS[name].ucum),
            units=_units(name), required=name in must and reading.out_of_range is None,
        )
        for name in (*must, *may)
    ]  # fmt: skip


def changed(reading: DecodedReading, typed: Mapping[str, str]) -> dict[str, Decimal]:
    """By column, canonical: what was typed and is not what the device said. `ValueError` for what is no number."""
    found = {}
    for one in numbers(reading, None):
        text = typed.get(f"value_{one.name}", one.text).strip().replace(",", ".")
        unit = typed.get(f"unit_{one.name}", one.unit)
        if not text or (text == one.text and unit == one.unit):
            continue
        value = Decimal(text)
        converted = canonical(one.name, value, unit) if value.is_finite() else None
        if converted is None:
            raise ValueError("not a number in a unit of ours")
        found[METRICS[one.name].column] = converted
    return found


def says(reading: DecodedReading) -> str:
    """ "192/124 mmHg, pulse 71 /min" as the device said it; "HI" and "LO" in words."""
    if reading.out_of_range is not None and not reading.values:
        return BEYOND[reading.out_of_range]
    values = {column: f"{value.normalize():f}" for column, value in reading.values.items()}
    parts = []
    if {"systolic_mmhg", "diastolic_mmhg"} <= set(values):
        parts.append(f"{values.pop('systolic_mmhg')}/{values.pop('diastolic_mmhg')} mmHg")
    parts += [
        f"{_label(column, parts)}{text} {METRIC_UNITS.get(column, '')}".strip() for column, text in values.items()
    ]
    return ", ".join(parts)


def preview(first: bytes) -> tuple[str | None, str]:
    """(as text, when it is text; as lines of 16 bytes in hexadecimal)."""
    rows = [first[at : at + 16] for at in range(0, len(first), 16)]
    as_hex = "\n".join(f"{16 * number:04x}  {row.hex(' ')}" for number, row in enumerate(rows))
    try:
        text = first.decode()
    except UnicodeDecodeError:
        return None, as_hex
    return (text if all(c.isprintable() or c in "\n\t\r" for c in text) else None), as_hex


def _label(column: str, before: list[str]) -> str:
    return f"{column.partition('_')[0]} " if before else ""


def _text(reading: DecodedReading, name: str) -> str:
    value = reading.values.get(METRICS[name].column)
    return "" if value is None else f"{value.normalize():f}"


def _units(name: str) -> list[str]:
    """Each unit once, the canonical one first; the device's many spellings are for devices."""
    first = METRICS[name].ucum
    converted = {convert(Decimal(100)): unit for unit, convert in reversed(METRICS[name].accepts.items())}
    return [first, *(unit for value, unit in converted.items() if value != Decimal(100) and unit != first)]
