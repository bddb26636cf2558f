"""Where every decoder of somebody else's format ends: numbers with units become a reading, or a reason why not.

A decoder finds the numbers, the moment and the sender's flags; `make` refuses what can never be a reading and
converts the rest. Limits here keep one hostile number from costing more than an honest one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any, TypeVar

import msgspec

from devices.decoded import DecodedReading, Entry, OutOfRange, Refused
from devices.formats.native import BIGGEST as BIGGEST_NUMBER
from devices.formats.native import FAILED, UNREADABLE, YEARS
from devices.units import KINDS, METRICS, canonical

ENTRIES_AT_MOST = 200  # of one message; with the limit below, what keeps any message under 10 ms of CPU
BIGGEST_PAYLOAD = 500_000  # bytes

T = TypeVar("T")
Numbers = Mapping[str, tuple[Decimal, str | None]]  # metric → (value as sent, its unit as sent)

# Spellings of units that other formats use, as `units` names them.
SPELLED: dict[str, str] = {
    "mmol/l": "mmol/L", "mg/dl": "mg/dL", "beats/min": "/min", "{beat}/min": "/min", "{beats}/min": "/min",
    "beat/min": "/min", "{Beats}/min": "/min", "mm Hg": "mm[Hg]", "lbs": "[lb_av]", "degC": "Cel", "degF": "[degF]",
}  # fmt: skip

_device_id = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_array = msgspec.json.Decoder(list[msgspec.Raw])


class When(msgspec.Struct, frozen=True, kw_only=True):
    """The moment as its sender told it: readable or not, and in its own words."""

    at: datetime | None = None
    raw: str | None = None
    flags: tuple[str, ...] = ()


NEVER_TOLD = When()


class Cannot(Exception):
    """Ends the decoding of one entry; `reason` is one of few names and never holds what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def split(payload: bytes) -> list[bytes] | Refused:
    """The entries of a JSON message, each with its own bytes: the array's elements, or the whole message."""
    if len(payload) > BIGGEST_PAYLOAD:
        return Refused(reason="too_large")
    if not payload.lstrip().startswith(b"["):
        return [payload]
    try:
        parts = _array.decode(payload)
    except UNREADABLE:
        return Refused(reason="not_json")
    if len(parts) > ENTRIES_AT_MOST:
        return Refused(reason="too_many_entries")
    return [bytes(part) for part in parts] or Refused(reason="empty")


def read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """The entry as its wire struct; `Cannot` with "malformed" or "not_json"."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise Cannot("malformed") from None
    except UNREADABLE:
        raise Cannot("not_json") from None


def part_of(raw: bytes, name: str) -> bytes:
    """The bytes of one reading among several that share a message: distinct, and the same at each repetition."""
    return raw + b" #" + name.encode()


def entry(raw: bytes, decoder: Callable[[bytes], DecodedReading]) -> Entry:
    """What the decoder of one reading made of these bytes."""
    try:
        return Entry(raw=raw, decoded=decoder(raw))
    except Cannot as cannot:
        return refused(raw, cannot.reason)


def each(payload: bytes, decoder: Callable[[bytes], DecodedReading]) -> list[Entry]:
    """A message, or an array of them, that holds one reading each."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    return [entry(part, decoder) for part in parts]


def several(payload: bytes, parts: Iterable[list[Entry]]) -> list[Entry]:
    """The entries of a message whose parts hold several each; refused whole once they are too many."""
    entries: list[Entry] = []
    for part in parts:
        entries += part
        if len(entries) > ENTRIES_AT_MOST:
            return [refused(payload, "too_many_entries")]
    return entries


def refused(raw: bytes, reason: str, seq: int | None = None, epoch: int = 0) -> Entry:
    return Entry(raw=raw, decoded=Refused(reason=reason, seq=seq, epoch=epoch))


def when(text: str | None) -> When:
    """ISO 8601, also as short as a year or a date (flag `time_approximate`); `Cannot` when it is no time."""
    if text is None:
        return NEVER_TOLD
    if not text.isprintable() or len(text) > 64:
        raise Cannot("unreadable_time")
    approximate = {4: "-01-01T12:00:00", 7: "-01T12:00:00", 10: "T12:00:00"}.get(len(text))
    try:
        at = datetime.fromisoformat(text + (approximate or ""))
    except ValueError:
        raise Cannot("unreadable_time") from None
    if at.year not in YEARS:
        raise Cannot("unreadable_time")
    return When(at=at, raw=text, flags=("time_approximate",) if approximate else ())


def number(sent: Any) -> Decimal:
    """What was sent, exactly; `Cannot` when it is no number a device could mean."""
    try:
        value = Decimal(sent)
    except (DecimalException, TypeError, ValueError):
        raise Cannot("malformed") from None
    if not value.is_finite() or value.adjusted() > 15 or len(value.as_tuple().digits) > 20:
        raise Cannot("malformed")
    return value


def make(
    kind: str, numbers: Numbers, at: When = NEVER_TOLD, *, flags: Iterable[str] = (), source: str | None = None,
    out_of_range: OutOfRange | None = None, user_slot: int | None = None, context: str | None = None,
    seq: int | None = None, epoch: int = 0, backlog: bool = False,
) -> DecodedReading:  # fmt: skip
    """The reading in canonical units; `Cannot` when a number is missing, failed, or in an unknown unit."""
    required, optional = KINDS[kind]
    if out_of_range is None and any(name not in numbers for name in required):
        raise Cannot("value_missing")
    values: dict[str, Decimal] = {}
    for name, (sent, unit) in numbers.items():
        if name in optional and sent == FAILED:
            continue  # a pulse that failed says nothing against the pressure beside it
        if name in required or name in optional:
            values[METRICS[name].column] = _canonical(name, sent, unit)
    return DecodedReading(
        kind=kind, values={} if out_of_range else values, measured_at=at.at, measured_at_raw=at.raw,
        utc_offset_minutes=offset_minutes(at.at),
        seq=seq, epoch=epoch, source=source, backlog=backlog, user_slot=user_slot, context=context,
        out_of_range=out_of_range, flags=tuple(dict.fromkeys((*at.flags, *flags))),
    )  # fmt: skip


def offset_minutes(at: datetime | None) -> int | None:
    """What the sender's clock was ahead of UTC, when it said so."""
    offset = at.utcoffset() if at else None
    return int(offset.total_seconds() // 60) if offset is not None else None


def _canonical(metric: str, sent: Decimal, unit: str | None) -> Decimal:
    value = number(sent)
    if value == FAILED:
        raise Cannot("failed_measurement")
    converted = canonical(metric, value, SPELLED.get(unit, unit) if unit is not None else None)
    if converted is None:
        raise Cannot("unknown_unit")
    return converted


def device_id(text: str | None, prefix: str = "") -> str | None:
    """An id as devices are registered: other characters become `-`; None when nothing of it can be one."""
    if not text or len(text) > 200:
        return None
    plain = prefix + re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")
    return plain if plain != prefix and _device_id.match(plain) else None


def numbered(seq: int | None, epoch: int) -> bool:
    """True when both fit the ledger's columns."""
    return (seq is None or 0 <= seq <= BIGGEST_NUMBER) and 0 <= epoch <= BIGGEST_NUMBER
