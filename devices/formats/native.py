"""Careloop's own JSON (MQTT contract, version 1): one reading or an array of them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from devices.decoded import DecodedReading, Entry, OutOfRange, Refused
from devices.units import KINDS, METRICS, canonical

Number = float | int
HighLow = Literal["HI", "LO"]
FAILED = 2047  # SFLOAT NaN read as a number (IEEE 11073-20601): the cuff could not measure
BIGGEST = 2**63 - 1
ENTRIES_AT_MOST = 1000
# bytes that are no UTF-8 show late, as an error of their own
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
YEARS = range(1900, 2201)  # beyond them a time zone's arithmetic overflows
BEYOND_MEASURE = 1e15  # also refuses NaN and infinity, and what decimals could not round
FLAGS_AT_MOST = 32
OUT_OF_RANGE: dict[str, OutOfRange] = {"HI": "above", "LO": "below"}

# kind → (field of the message, column of a reading, whether it must be there)
PLANS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    kind: tuple((name, METRICS[name].column, name in required) for name in (*required, *optional))
    for kind, (required, optional) in KINDS.items()
}


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
    except UNREADABLE:
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
    except UNREADABLE:
        return Refused(reason="not_json")
    if not _number_fits(wire.seq, wire.epoch):
        return Refused(reason="malformed")
    made = _reading(wire)
    return made if isinstance(made, DecodedReading) else Refused(reason=made, seq=wire.seq, epoch=wire.epoch)


def _number_fits(seq: Any, epoch: Any) -> bool:
    return (seq is None or (type(seq) is int and 0 <= seq <= BIGGEST)) and (
        type(epoch) is int and 0 <= epoch <= BIGGEST
    )


def _refused_with_number(raw: bytes, reason: str) -> Refused:
    try:
        numbered = _numbered.decode(raw)
    except UNREADABLE:
        return Refused(reason=reason)
    if not _number_fits(numbered.seq, numbered.epoch):
        return Refused(reason=reason)
    return Refused(reason=reason, seq=numbered.seq, epoch=numbered.epoch)


def _reading(wire: Wire) -> DecodedReading | str:
    """The reading, or the reason why there is none."""
    plan = PLANS.get(wire.kind)
    if plan is None:
        return "unknown_kind"
    if "control_solution" in wire.flags:
        return "control_solution"  # the meter's own test, not the patient's blood
    values = _values(wire, plan)
    if isinstance(values, str):
        return values
    if not _readable(wire):
        return "malformed"
    measured_at = offset = None
    if wire.measured_at is not None:
        try:
            measured_at = datetime.fromisoformat(wire.measured_at)
        except ValueError:
            return "unreadable_time"
        if measured_at.year not in YEARS:
            return "unreadable_time"
        offset = measured_at.utcoffset()
    return DecodedReading(
        kind=wire.kind, values=values, measured_at=measured_at, measured_at_raw=wire.measured_at,
        utc_offset_minutes=int(offset.total_seconds() // 60) if offset is not None else None,
        seq=wire.seq, epoch=wire.epoch, source=wire.source, backlog=wire.backlog, user_slot=wire.user_slot,
        context=wire.context, out_of_range=OUT_OF_RANGE.get(wire.glucose) if isinstance(wire.glucose, str) else None,
        flags=wire.flags,
    )  # fmt: skip


def _values(wire: Wire, plan: Sequence[tuple[str, str, bool]]) -> dict[str, Decimal] | str:
    values: dict[str, Decimal] = {}
    for name, column, required in plan:
        sent = getattr(wire, name)
        if sent is None:
            if required:
                return "value_missing"
            continue
        if isinstance(sent, str):  # HI or LO
            continue
        if sent == FAILED:
            if required:
                return "failed_measurement"
            continue  # a pulse that failed says nothing against the pressure beside it
        if not -BEYOND_MEASURE < sent < BEYOND_MEASURE:
            return "malformed"
        # repr keeps the digits the sender wrote: 36.6 stays 36.6
        value = Decimal(sent if type(sent) is int else repr(sent))
        if wire.unit is not None and required:
            converted = canonical(name, value, wire.unit)
            if converted is None:
                return "unknown_unit"
            value = converted
        values[column] = value
    return values


def _readable(wire: Wire) -> bool:
    # PostgreSQL's text holds no NUL; such a message never came from a device that works.
    return (
        (wire.measured_at is None or wire.measured_at.isprintable())
        and (wire.source is None or wire.source.isprintable())
        and (not wire.flags or (len(wire.flags) <= FLAGS_AT_MOST and all(map(str.isprintable, wire.flags))))
    )
