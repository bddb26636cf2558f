"""Single samples of phone aggregators, named by HealthKit's types: `sourceData.sampleType`, `value`, `unit`."""

from datetime import timedelta, timezone
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry
from devices.formats.making import Cannot, When, each, make, read, when

TYPES: dict[str, tuple[str, str]] = {
    "BloodGlucose": ("glucose", "glucose"), "BodyMass": ("weight", "weight"), "HeartRate": ("pulse", "pulse"),
    "OxygenSaturation": ("spo2", "spo2"), "BodyTemperature": ("temperature", "temperature"),
}  # fmt: skip
PREFIX = "HKQuantityTypeIdentifier"
UNITS = {"count/min": "/min", "degC": "Cel", "degF": "[degF]", "mmol<180.1558800000541>/L": "mmol/L"}
SELF_TYPED = "com.apple.Health"


class Origin(msgspec.Struct):
    sampleType: str
    originalSource: str | None = None


class Sample(msgspec.Struct, kw_only=True):
    """One sample."""

    sourceData: Origin
    value: Decimal
    unit: str
    timestamp: str
    tzOffset: str | None = None


_sample = msgspec.json.Decoder(Sample)


def decode(payload: bytes) -> list[Entry]:
    """Each sample's reading."""
    return each(payload, _reading)


def _reading(raw: bytes) -> DecodedReading:
    said = read(_sample, raw)
    known = TYPES.get(said.sourceData.sampleType.removeprefix(PREFIX))
    if known is None:
        raise Cannot("unknown_kind")
    kind, metric = known
    value, unit = said.value, UNITS.get(said.unit, said.unit)
    if kind == "spo2" and value.is_finite() and value <= 1:
        value, unit = value * 100, "%"  # HealthKit's percent is a fraction
    flags = ("self_reported",) if said.sourceData.originalSource == SELF_TYPED else ()
    return make(kind, {metric: (value, unit)}, _moment(said), flags=flags)


def _moment(said: Sample) -> When:
    """UTC, shown on the clock of `tzOffset` (±hh:mm) when there is one."""
    at = when(said.timestamp)
    if at.at is None or at.at.tzinfo is None or said.tzOffset is None:
        return at
    shown = when(f"2000-01-01T00:00:00{said.tzOffset}").at
    offset = shown.utcoffset() if shown else None
    if offset is None or abs(offset) > timedelta(hours=14):
        return at
    return msgspec.structs.replace(at, at=at.at.astimezone(timezone(offset)))
