"""Careloop's own JSON (MQTT contract, version 1): one reading or an array of them."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Literal

import msgspec

from devices.decoded import DecodedReading, Entry, OutOfRange, Refused
from devices.units import KINDS, METRICS, canonical

Number = float | int
HighLow = Literal["HI", "LO"]
FAILED = 2047  # SFLOAT NaN read as a number (IEEE 11073-20601): the cuff could not measure
BIGGEST = 2**63 - 1
ENTRIES_AT_MOST = 1000


class Wire(msgspec.Struct, kw_only=True):
    """The contract's fields as they come; numbers may be int or float, `glucose` also HI or LO."""

    kind: str
    seq: int | None = None
    epoch: int = 0
    measured_at: str | None = None
    unit: str | None = None
    systolic: Number | None = None
    diastolic: Number | None = None
    pulse: Number | None = None
    glucose: Number | HighLow | None = None
    weight: Number | None = None
    spo2: Number | None = None
    temperature: Number | None = None
    user_slot: int | None = None
    flags: tuple[str, ...] = ()
    source: str | None = None
    backlog: bool = False
    context: Literal["fasting", "before_meal", "after_meal", "bedtime"] | None = None


class Numbered(msgspec.Struct):
    """Only the sequence number: so a refusal can name it even when the rest is unreadable."""

    seq: Any = None
    epoch: Any = 0


_array = msgspec.json.Decoder(list[msgspec.Raw])
_wire = msgspec.json.Decoder(Wire)
_numbered = msgspec.json.Decoder(Numbered)


def decode(payload: bytes) -> list[Entry]:
    """Each entry of the message with its own bytes; a message that is not JSON is one refused entry."""
    if not payload.lstrip().startswith(b"["):
        return [Entry(raw=payload, decoded=_decode_one(payload))]
    try:
        parts = _array.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return [Entry(raw=payload, decoded=Refused(reason="not_json"))]
    if len(parts) > ENTRIES_AT_MOST:
        return [Entry(raw=payload, decoded=Refused(reason="too_many_entries"))]
    if not parts:
        return [Entry(raw=payload, decoded=Refused(reason="empty"))]
    return [Entry(raw=bytes(part), decoded=_decode_one(bytes(part))) for part in parts]


def _decode_one(raw: bytes) -> DecodedReading | Refused:
    try:
        wire = _wire.decode(raw)
    except msgspec.ValidationError:
        return _refused_with_number(raw, "malformed")
    except (msgspec.DecodeError, RecursionError):
        return Refused(reason="not_json")
    if not _number_fits(wire.seq, wire.epoch):
        return Refused(reason="malformed")
    reason = _why_not(wire)
    if reason is not None:
        return Refused(reason=reason, seq=wire.seq, epoch=wire.epoch)
    return _reading(wire)


def _number_fits(seq: Any, epoch: Any) -> bool:
    return (seq is None or (type(seq) is int and 0 <= seq <= BIGGEST)) and (
        type(epoch) is int and 0 <= epoch <= BIGGEST
    )


def _refused_with_number(raw: bytes, reason: str) -> Refused:
    try:
        numbered = _numbered.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return Refused(reason=reason)
    if not _number_fits(numbered.seq, numbered.epoch):
        return Refused(reason=reason)
    return Refused(reason=reason, seq=numbered.seq, epoch=numbered.epoch)


def _why_not(wire: Wire) -> str | None:
    if wire.kind not in KINDS:
        return "unknown_kind"
    required, optional = KINDS[wire.kind]
    if any(getattr(wire, name) is None for name in required):
        return "value_missing"
    if wire.unit is not None and canonical(required[0], Decimal(1), wire.unit) is None:
        return "unknown_unit"
    numbers = [getattr(wire, name) for name in (*required, *optional)]
    if any(isinstance(number, float) and not isfinite(number) for number in numbers):
        return "malformed"
    if any(number == FAILED for number in numbers):
        return "failed_measurement"
    if wire.measured_at is not None and _time(wire.measured_at) is None:
        return "unreadable_time"
    if _has_nul(wire):
        return "malformed"
    return None


def _has_nul(wire: Wire) -> bool:
    # PostgreSQL's text holds no NUL; such a message never came from a device that works.
    texts = (wire.measured_at or "", wire.source or "", *wire.flags)
    return any("\x00" in text or not text.isprintable() for text in texts) or len(wire.flags) > 32


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _reading(wire: Wire) -> DecodedReading | Refused:
    required, optional = KINDS[wire.kind]
    values: dict[str, Decimal] = {}
    out_of_range: OutOfRange | None = None
    for name in (*required, *optional):
        sent = getattr(wire, name)
        if sent in ("HI", "LO"):
            out_of_range = "above" if sent == "HI" else "below"
        elif sent is not None:
            unit = wire.unit if name in required else None
            value = _canonical(name, sent, unit)
            if value is None:
                return Refused(reason="malformed", seq=wire.seq, epoch=wire.epoch)
            values[METRICS[name].column] = value
    measured_at = _time(wire.measured_at) if wire.measured_at else None
    offset = measured_at.utcoffset() if measured_at else None
    return DecodedReading(
        kind=wire.kind, values=values, measured_at=measured_at, measured_at_raw=wire.measured_at,
        utc_offset_minutes=int(offset.total_seconds() // 60) if offset is not None else None,
        seq=wire.seq, epoch=wire.epoch, source=wire.source, backlog=wire.backlog, user_slot=wire.user_slot,
        context=wire.context, out_of_range=out_of_range, flags=wire.flags,
    )  # fmt: skip


def _canonical(metric: str, sent: Number, unit: str | None) -> Decimal | None:
    try:
        # repr keeps the digits the sender wrote: 36.6 stays 36.6
        return canonical(metric, Decimal(repr(sent)), unit)
    except InvalidOperation:
        return None
