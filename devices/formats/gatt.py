"""Bluetooth GATT notifications as JSON: `{"characteristic": "2A35", "value": "<hex>"}`, or an array of them.

A hub may add what it knows: `seq`, `epoch`, `source` (the device it heard), `backlog`, `user_slot`, and
`measured_at`, its own clock's time, used when the bytes carry none. In an array a glucose context (0x2A34)
joins the measurement (0x2A18) of the same sequence number and source.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from devices.decoded import DecodedReading, Entry, Refused
from devices.formats import gatt_bytes, gatt_meaning, gatt_waves
from devices.formats.gatt_bytes import TooShort
from devices.formats.making import (
    NEVER_TOLD,
    Cannot,
    device_id,
    numbered,
    offset_minutes,
    part_of,
    read,
    refused,
    several,
    split,
    when,
)

LONGEST = 1024  # hexadecimal digits: a GATT attribute holds at most 512 bytes

Meaning = Callable[[bytes], DecodedReading]

MEANINGS: dict[str, Meaning] = {
    "2A35": gatt_meaning.pressure, "2A18": gatt_meaning.glucose, "2A9D": gatt_meaning.weight,
    "2A5E": gatt_meaning.spot_oximetry, "2A5F": gatt_meaning.continuous_oximetry,
    "2A1C": gatt_meaning.temperature, "2A37": gatt_meaning.heart_rate,
}  # fmt: skip
NOT_READINGS = {"2A36": "still_inflating", "2A08": "not_a_reading", "2A1E": "not_a_reading"}
SIG_BASE = "-0000-1000-8000-00805F9B34FB"  # the long form of a 16-bit UUID


class Notified(msgspec.Struct, kw_only=True):
    """One notification as the hub wrote it."""

    characteristic: str
    value: str
    seq: int | None = None
    epoch: int = 0
    source: str | None = None
    backlog: bool = False
    user_slot: int | None = None
    measured_at: str | None = None


class Taken(msgspec.Struct, frozen=True):
    """A notification with its short name and its bytes, or why it has none."""

    raw: bytes
    said: Notified
    name: str = ""
    data: bytes = b""
    reason: str | None = None

    @property
    def number(self) -> tuple[int | None, int]:
        return self.said.seq, self.said.epoch


_notified = msgspec.json.Decoder(Notified)
NOTHING = Notified(characteristic="", value="")
Key = tuple[str | None, int]


def decode(payload: bytes) -> list[Entry]:
    """Each notification's reading; those that cannot be one are refused with their sequence number."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    taken = [_taken(part) for part in parts]
    contexts = _contexts(taken)
    entries = several(payload, (_entries(one, contexts) for one in taken))
    measured = {_key(one) for one in taken if one.name == "2A18"} if contexts else set()
    return [*entries, *_contexts_left(taken, measured)]


def _taken(raw: bytes) -> Taken:
    try:
        said = read(_notified, raw)
    except Cannot as cannot:
        return Taken(raw, NOTHING, reason=cannot.reason)
    if not numbered(said.seq, said.epoch):
        return Taken(raw, NOTHING, reason="malformed")
    try:
        data = bytes.fromhex(said.value) if len(said.value) <= LONGEST else None
    except ValueError:
        data = None
    if data is None or (said.source is not None and device_id(said.source) != said.source):
        return Taken(raw, said, reason="malformed")
    return Taken(raw, said, _short(said.characteristic), data)


def _short(characteristic: str) -> str:
    """`2A35` of any spelling: 0x2a35, 00002a35-0000-1000-8000-00805f9b34fb."""
    name = characteristic[:40].upper().removeprefix("0X").removesuffix(SIG_BASE)
    return name[4:] if len(name) == 8 and name.startswith("0000") else name


def _key(taken: Taken) -> Key | None:
    """What joins a glucose and its context: who sent them, and their sequence number (both have it in front)."""
    return (taken.said.source, int.from_bytes(taken.data[1:3], "little")) if len(taken.data) >= 3 else None


def _contexts(taken: Sequence[Taken]) -> dict[Key | None, tuple[bytes, str | None]]:
    """The context's bytes and the meal it names, by its key."""
    found: dict[Key | None, tuple[bytes, str | None]] = {}
    for one in taken:
        if one.name == "2A34":
            with suppress(TooShort):
                found[_key(one)] = one.raw, gatt_meaning.MEALS.get(gatt_bytes.context(one.data).meal or 0)
    return found


def _entries(one: Taken, contexts: dict[Key | None, tuple[bytes, str | None]]) -> list[Entry]:
    if one.reason is not None:
        return [refused(one.raw, one.reason, *one.number)]
    if one.name == "2A34":
        return []  # told with its measurement, or refused at the end
    meaning, raw = MEANINGS.get(one.name), one.raw
    try:
        if one.name == "2AA7":
            return _sensor(one)
        if meaning is None:
            return [refused(raw, NOT_READINGS.get(one.name, "unknown_characteristic"), *one.number)]
        if one.name == "2A18" and (context := contexts.get(_key(one))):
            raw = raw + b"," + context[0]
            meaning = partial(gatt_meaning.glucose, context=context[1])
        return [Entry(raw=raw, decoded=_told_by_hub(meaning(one.data), one.said))]
    except TooShort:
        return [refused(raw, "malformed", *one.number)]
    except Cannot as cannot:
        return [refused(raw, cannot.reason, *one.number)]


def _sensor(one: Taken) -> list[Entry]:
    """A continuous sensor's notification may hold several records; a number of the hub's is for all of them."""
    records = gatt_waves.continuous_glucose(one.data)
    if one.said.seq is not None and len(records) > 1:
        raise Cannot("several_under_one_number")
    entries = []
    for index, record in enumerate(records):
        own = one.raw if len(records) == 1 else part_of(one.raw, str(index))
        try:
            entries.append(Entry(raw=own, decoded=_told_by_hub(gatt_meaning.sensed(record), one.said)))
        except Cannot as cannot:
            entries.append(refused(own, cannot.reason, *one.number))
    return entries


def _told_by_hub(reading: DecodedReading, said: Notified) -> DecodedReading:
    at = reading.measured_at
    hub = when(said.measured_at) if at is None else NEVER_TOLD
    return msgspec.structs.replace(
        reading, seq=said.seq, epoch=said.epoch, source=said.source, backlog=said.backlog,
        user_slot=said.user_slot if said.user_slot is not None else reading.user_slot, measured_at=at or hub.at,
        # a device that does not know the time is not overruled: its own words are kept
        measured_at_raw=reading.measured_at_raw or hub.raw, utc_offset_minutes=offset_minutes(at or hub.at),
    )  # fmt: skip


def _contexts_left(taken: Sequence[Taken], measured: set[Key | None]) -> list[Entry]:
    """A context is no reading: refused when it came alone, or when it carries a number that needs a receipt."""
    left = []
    for one in taken:
        if one.name != "2A34":
            continue
        joined = _key(one) in measured
        if one.said.seq is not None or not joined:
            reason = "told_with_its_measurement" if joined else "context_without_measurement"
            left.append(refused(one.raw, reason, *one.number))
    return left
