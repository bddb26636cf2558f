"""Smart Meter's reading messages (iGlucose, iBloodPressure, iScale, iPulseOx): the unit is in each field's name."""

from datetime import timedelta, timezone
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry, OutOfRange
from devices.formats.making import Cannot, When, device_id, each, make, number, read, when

PREFIX = "smart-meter-"
TYPES: dict[str, str] = {
    "blood_glucose": "glucose", "blood_pressure": "blood_pressure", "weight": "weight", "pulse_ox": "spo2",
    "temperature": "temperature",
}  # fmt: skip
# kind → (field, metric, unit); of several fields for one metric the first that has a number counts
FIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "glucose": (("blood_glucose_mgdl", "glucose", "mg/dL"), ("blood_glucose_mmol", "glucose", "mmol/L")),
    "blood_pressure": (
        ("systolic_mmhg", "systolic", "mm[Hg]"), ("diastolic_mmhg", "diastolic", "mm[Hg]"),
        ("pulse_bpm", "pulse", "/min"),
    ),
    "weight": (("weight_kg", "weight", "kg"), ("weight_lbs", "weight", "lb")),
    "spo2": (("spo2", "spo2", "%"), ("pulse_bpm", "pulse", "/min")),
    "temperature": (("temperature_c", "temperature", "Cel"), ("temperature_f", "temperature", "[degF]")),
}  # fmt: skip


class Message(msgspec.Struct, kw_only=True):
    """One reading as posted."""

    reading_type: str
    device_id: str | int
    date_recorded: str | None = None
    time_zone_offset: Decimal | None = None
    blood_glucose_mgdl: float | str | None = None  # or HI, LO
    blood_glucose_mmol: Decimal | None = None
    systolic_mmhg: Decimal | None = None
    diastolic_mmhg: Decimal | None = None
    pulse_bpm: Decimal | None = None
    weight_kg: Decimal | None = None
    weight_lbs: Decimal | None = None
    spo2: Decimal | None = None
    temperature_c: Decimal | None = None
    temperature_f: Decimal | None = None
    irregular: bool | None = None
    before_meal: bool | None = None
    control_solution: bool | None = None


_message = msgspec.json.Decoder(Message)
BEYOND: dict[str, OutOfRange] = {"HI": "above", "LO": "below"}


def decode(payload: bytes) -> list[Entry]:
    """Each message's reading."""
    return each(payload, _reading)


def _reading(raw: bytes) -> DecodedReading:
    said = read(_message, raw)
    kind = TYPES.get(said.reading_type)
    if kind is None:
        raise Cannot("unknown_kind")
    if said.control_solution:
        raise Cannot("control_solution")
    source = device_id(str(said.device_id), PREFIX)
    if source is None:
        raise Cannot("unknown_source")
    out = BEYOND.get(str(said.blood_glucose_mgdl).upper()) if kind == "glucose" else None
    meal = {True: "before_meal", False: "after_meal", None: None}[said.before_meal]
    return make(
        kind, {} if out else _numbers(said, kind), _moment(said), source=source, out_of_range=out, context=meal,
        flags=("irregular_pulse",) if said.irregular else (),
    )  # fmt: skip


def _numbers(said: Message, kind: str) -> dict[str, tuple[Decimal, str | None]]:
    numbers: dict[str, tuple[Decimal, str | None]] = {}
    for field, metric, unit in FIELDS[kind]:
        sent = getattr(said, field)
        if sent is not None and metric not in numbers:
            numbers[metric] = number(sent if isinstance(sent, Decimal | str) else repr(sent)), unit
    return numbers


def _moment(said: Message) -> When:
    """Their time; without a zone of its own it is in the zone of `time_zone_offset`, in hours."""
    at, hours = when(said.date_recorded), said.time_zone_offset
    if at.at is None or at.at.tzinfo or hours is None or not hours.is_finite() or abs(hours) > 14:
        return at
    zone = timezone(timedelta(minutes=int(hours * 60)))
    return msgspec.structs.replace(at, at=at.at.replace(tzinfo=zone))
