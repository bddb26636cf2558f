"""Bytes of the two characteristics that stream: heart rate (0x2A37) and continuous glucose (0x2AA7)."""

import msgspec

from devices.formats.gatt_bytes import Cursor, Measured, TooShort


class HeartRate(msgspec.Struct, frozen=True, kw_only=True):
    """`contact` is None when the sensor cannot tell; `rr` in 1/1024 s."""

    rate: int
    contact: bool | None = None
    energy: int | None = None
    rr: tuple[int, ...] = ()


def heart_rate(data: bytes) -> HeartRate:
    c = Cursor(data)
    flags = c.u8()
    rate = c.u16() if flags & 1 else c.u8()
    energy = c.u16() if flags & 8 else None
    if flags & 16 and (c.left < 2 or c.left % 2):
        raise TooShort
    rr = tuple(c.u16() for _ in range(c.left // 2)) if flags & 16 else ()
    return HeartRate(rate=rate, contact=bool(flags & 2) if flags & 4 else None, energy=energy, rr=rr)


class Sensed(msgspec.Struct, frozen=True, kw_only=True):
    """One record of 0x2AA7. `minutes` count from the start of the sensor's session, which it does not say."""

    glucose_mgdl: Measured
    minutes: int
    status: int = 0


def continuous_glucose(data: bytes) -> list[Sensed]:
    """The records of one notification; `TooShort` when a record is cut or its checksum is wrong."""
    records, at = [], 0
    while at < len(data):
        size = data[at]
        record = data[at : at + size]
        if size < 6 or len(record) < size:
            raise TooShort
        records.append(_record(record))
        at += size
    if not records:
        raise TooShort
    return records


def _record(data: bytes) -> Sensed:
    c = Cursor(data)
    _, flags, value, minutes = c.u8(), c.u8(), c.sfloat(), c.u16()
    octets = [c.u8() if flags & bit else 0 for bit in (0x80, 0x40, 0x20)]  # sensor status, calibration, warning
    for bit in (1, 2):  # trend, quality
        if flags & bit:
            c.u16()
    if c.left not in (0, 2) or (c.left == 2 and crc(data[: c.at]) != c.u16()):
        raise TooShort
    return Sensed(glucose_mgdl=value, minutes=minutes, status=octets[0] | octets[1] << 8 | octets[2] << 16)


def crc(data: bytes) -> int:
    """CRC-16/MCRF4XX, the profile's E2E-CRC."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value
