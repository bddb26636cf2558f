"""Bytes of Bluetooth's health characteristics, field by field as the GATT specification supplement lays them out.

Nothing is judged here: special values stay what they are, so that `gatt` decides what they mean.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

Special = Literal["NaN", "NRes", "reserved", "+INF", "-INF"]
Measured = Decimal | Special

SFLOAT: dict[int, Special] = {0x07FF: "NaN", 0x0800: "NRes", 0x0801: "reserved", 0x07FE: "+INF", 0x0802: "-INF"}
FLOAT: dict[int, Special] = {
    0x7FFFFF: "NaN", 0x800000: "NRes", 0x800001: "reserved", 0x7FFFFE: "+INF", 0x800002: "-INF",
}  # fmt: skip


class TooShort(Exception):
    """The flags announce fields that the bytes do not hold."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Date-time (0x2A08): year, month and day are 0 when the device does not know them. It has no offset."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    @property
    def text(self) -> str:
        date = f"{self.year:04}-{self.month:02}-{self.day:02}"
        return f"{date}T{self.hour:02}:{self.minute:02}:{self.second:02}"

    @property
    def at(self) -> datetime | None:
        """The wall clock's time; None when a part is unknown or cannot be."""
        try:
            return datetime(self.year, self.month, self.day, self.hour, self.minute, self.second)  # noqa: DTZ001
        except ValueError:
            return None


def sfloat(raw: int) -> Measured:
    """IEEE 11073 16-bit: four bits of exponent, twelve of mantissa, both two's complement."""
    if raw in SFLOAT:
        return SFLOAT[raw]
    exponent, mantissa = raw >> 12, raw & 0x0FFF
    return _scaled(mantissa - 0x1000 * (mantissa >> 11), exponent - 0x10 * (exponent >> 3))


def float32(raw: int) -> Measured:
    """IEEE 11073 32-bit: eight bits of exponent, twenty-four of mantissa."""
    mantissa, exponent = raw & 0xFFFFFF, raw >> 24
    if mantissa in FLOAT:
        return FLOAT[mantissa]
    return _scaled(mantissa - 0x1000000 * (mantissa >> 23), exponent - 0x100 * (exponent >> 7))


def _scaled(mantissa: int, exponent: int) -> Decimal:
    return Decimal(mantissa * 10**exponent) if exponent > 0 else Decimal(mantissa).scaleb(exponent)


class Cursor:
    """Reads a characteristic's fields in their order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def _take(self, size: int) -> int:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise TooShort
        return int.from_bytes(self.data[start : self.at], "little")

    def u8(self) -> int:
        return self._take(1)

    def u16(self) -> int:
        return self._take(2)

    def i16(self) -> int:
        raw = self._take(2)
        return raw - 0x10000 * (raw >> 15)

    def u24(self) -> int:
        return self._take(3)

    def sfloat(self) -> Measured:
        return sfloat(self.u16())

    def float32(self) -> Measured:
        return float32(self._take(4))

    def moment(self) -> Moment:
        year = self.u16()
        month, day, hour, minute, second = (self.u8() for _ in range(5))
        return Moment(year=year, month=month, day=day, hour=hour, minute=minute, second=second)

    @property
    def left(self) -> int:
        return len(self.data) - self.at


class Pressure(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A35, or 0x2A36 while the cuff is still filling: then only `cuff` is a number."""

    unit: Literal["mmHg", "kPa"]
    systolic: Measured
    diastolic: Measured
    mean: Measured
    moment: Moment | None = None
    pulse: Measured | None = None
    user: int | None = None
    status: int | None = None


def pressure(data: bytes) -> Pressure:
    c = Cursor(data)
    flags = c.u8()
    return Pressure(
        unit="kPa" if flags & 1 else "mmHg", systolic=c.sfloat(), diastolic=c.sfloat(), mean=c.sfloat(),
        moment=c.moment() if flags & 2 else None, pulse=c.sfloat() if flags & 4 else None,
        user=c.u8() if flags & 8 else None, status=c.u16() if flags & 16 else None,
    )  # fmt: skip


class Glucose(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A18. `offset_minutes` is the wearer's correction of the base time. Nibbles: sample type, location."""

    sequence: int
    base: Moment
    offset_minutes: int | None = None
    unit: Literal["kg/L", "mol/L"] | None = None
    concentration: Measured | None = None
    sample: int | None = None
    location: int | None = None
    status: int = 0
    context_follows: bool = False


def glucose(data: bytes) -> Glucose:
    c = Cursor(data)
    flags, sequence, base = c.u8(), c.u16(), c.moment()
    offset = c.i16() if flags & 1 else None
    concentration = c.sfloat() if flags & 2 else None
    where = c.u8() if flags & 2 else None
    return Glucose(
        sequence=sequence, base=base, offset_minutes=offset, concentration=concentration,
        unit=("mol/L" if flags & 4 else "kg/L") if flags & 2 else None,
        sample=where & 15 if where is not None else None, location=where >> 4 if where is not None else None,
        status=c.u16() if flags & 8 else 0, context_follows=bool(flags & 16),
    )  # fmt: skip


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A34: what the wearer did around the glucose measurement of the same sequence number."""

    sequence: int
    meal: int | None = None


def context(data: bytes) -> Context:
    c = Cursor(data)
    flags, sequence = c.u8(), c.u16()
    if flags & 0x80:
        c.u8()
    if flags & 1:
        c.u8(), c.u16()
    return Context(sequence=sequence, meal=c.u8() if flags & 2 else None)


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A9D; `raw` counts steps of 5 g or of 0.01 lb, 0xFFFF says that the scale failed."""

    unit: Literal["kg", "lb"]
    raw: int
    moment: Moment | None = None
    user: int | None = None
    bmi: int | None = None
    height: int | None = None

    @property
    def weight(self) -> Decimal:
        return self.raw * Decimal("0.005" if self.unit == "kg" else "0.01")


def weight(data: bytes) -> Weight:
    c = Cursor(data)
    flags = c.u8()
    return Weight(
        unit="lb" if flags & 1 else "kg", raw=c.u16(), moment=c.moment() if flags & 2 else None,
        user=c.u8() if flags & 4 else None, bmi=c.u16() if flags & 8 else None, height=c.u16() if flags & 8 else None,
    )  # fmt: skip


class Oximetry(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A5E (spot check) and 0x2A5F (continuous, without a time)."""

    spo2: Measured
    pulse: Measured
    moment: Moment | None = None
    status: int = 0
    sensor: int = 0
    amplitude: Measured | None = None
    clock_not_set: bool = False


def spot_oximetry(data: bytes) -> Oximetry:
    c = Cursor(data)
    flags = c.u8()
    return Oximetry(
        spo2=c.sfloat(), pulse=c.sfloat(), moment=c.moment() if flags & 1 else None,
        status=c.u16() if flags & 2 else 0, sensor=c.u24() if flags & 4 else 0,
        amplitude=c.sfloat() if flags & 8 else None, clock_not_set=bool(flags & 16),
    )  # fmt: skip


def continuous_oximetry(data: bytes) -> Oximetry:
    c = Cursor(data)
    flags, spo2, pulse = c.u8(), c.sfloat(), c.sfloat()
    for _ in range((flags & 1) + (flags >> 1 & 1)):
        c.u16(), c.u16()  # the device's fast and slow averages of the same two numbers
    return Oximetry(
        spo2=spo2, pulse=pulse, status=c.u16() if flags & 4 else 0, sensor=c.u24() if flags & 8 else 0,
        amplitude=c.sfloat() if flags & 16 else None,
    )  # fmt: skip


class Temperature(msgspec.Struct, frozen=True, kw_only=True):
    """0x2A1C; `place` says where on the body."""

    unit: Literal["Cel", "[degF]"]
    temperature: Measured
    moment: Moment | None = None
    place: int | None = None


def temperature(data: bytes) -> Temperature:
    c = Cursor(data)
    flags = c.u8()
    return Temperature(
        unit="[degF]" if flags & 1 else "Cel", temperature=c.float32(), moment=c.moment() if flags & 2 else None,
        place=c.u8() if flags & 4 else None,
    )  # fmt: skip


def date_time(data: bytes) -> Moment:
    return Cursor(data).moment()
