"""BodyTrace's scale messages: weight in grams whatever `values.unit` says, `ts` in milliseconds since 1970 UTC."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry
from devices.formats.making import Cannot, When, device_id, each, make, read

PREFIX = "bodytrace-"
TARE_AT_MOST = 100  # grams; beyond it the scale was stepped on while it looked for its zero
LATEST = 7_258_118_400_000  # the year 2200


class Values(msgspec.Struct):
    weight: Decimal | None = None
    tare: Decimal | None = None
    systolic: Decimal | None = None
    diastolic: Decimal | None = None
    pulse: Decimal | None = None
    irregular: bool | int | None = None


class Message(msgspec.Struct):
    deviceId: str
    ts: int
    values: Values | None = None


_message = msgspec.json.Decoder(Message)


def decode(payload: bytes) -> list[Entry]:
    """Each message's weight; one that only reports battery and signal is refused as a device's status."""
    return each(payload, _reading)


def _reading(raw: bytes) -> DecodedReading:
    said = read(_message, raw)
    source = device_id(said.deviceId, PREFIX)
    if source is None:
        raise Cannot("unknown_source")
    if not 0 <= said.ts < LATEST:
        raise Cannot("unreadable_time")
    at = When(at=datetime.fromtimestamp(said.ts / 1000, UTC), raw=str(said.ts))
    values = said.values
    if values is None:
        raise Cannot("device_status")
    if values.systolic is not None or values.diastolic is not None:
        return _pressure(values, at, source)
    if values.weight is None:
        raise Cannot("device_status")
    wrong_zero = values.tare is not None and values.tare.is_finite() and abs(values.tare) > TARE_AT_MOST
    flags = ("calibration_error",) if wrong_zero else ()
    return make("weight", {"weight": (values.weight, "g")}, at, flags=flags, source=source)


def _pressure(values: Values, at: When, source: str) -> DecodedReading:
    """Their cuff has no unit in its message that we know of: millimetres of mercury, as everywhere in its papers."""
    sent = {"systolic": values.systolic, "diastolic": values.diastolic, "pulse": values.pulse}
    numbers = {
        name: (value, "mm[Hg]" if name != "pulse" else None) for name, value in sent.items() if value is not None
    }
    flags = ("irregular_pulse",) if values.irregular else ()
    return make("blood_pressure", numbers, at, flags=flags, source=source)
