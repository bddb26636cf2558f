"""Withings' measure groups, as their `getmeas` answers: value × 10^unit, one group for one step on a device.

Their notification itself (`userid`, `appli`, dates) holds no number; whoever fetches the groups posts them.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from devices.decoded import DecodedReading, Entry, Refused
from devices.formats.making import ENTRIES_AT_MOST, Cannot, When, device_id, make, part_of, refused, several, split
from devices.formats.native import UNREADABLE

PREFIX = "withings-"
GOAL = 2  # category: what the user wishes for
TYPES: dict[int, tuple[str, str]] = {
    1: ("weight", "kg"), 9: ("diastolic", "mm[Hg]"), 10: ("systolic", "mm[Hg]"), 11: ("pulse", "/min"),
    12: ("temperature", "Cel"), 54: ("spo2", "%"), 71: ("temperature", "Cel"),
}  # fmt: skip
ATTRIBUTIONS = {1: "user_uncertain", 2: "self_reported", 4: "self_reported", 5: "averaged"}
LATEST = 7_258_118_400


class Measure(msgspec.Struct):
    value: int
    type: int
    unit: int


class Group(msgspec.Struct):
    date: int
    measures: Annotated[list[Measure], Meta(max_length=20)]
    category: int = 1
    attrib: int | None = None
    deviceid: str | None = None


class Groups(msgspec.Struct):
    measuregrps: list[msgspec.Raw]


class Answer(msgspec.Struct):
    body: Groups | None = None
    measuregrps: list[msgspec.Raw] | None = None


_answer = msgspec.json.Decoder(Answer)
_group = msgspec.json.Decoder(Group)


def decode(payload: bytes) -> list[Entry]:
    """The readings of each group; a scale that also feels the pulse makes two."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    return several(payload, map(_groups, parts))


def _groups(part: bytes) -> list[Entry]:
    try:
        said = _answer.decode(part)
    except msgspec.ValidationError:
        return [refused(part, "malformed")]
    except UNREADABLE:
        return [refused(part, "not_json")]
    groups = said.body.measuregrps if said.body else said.measuregrps
    if groups is None:
        return _entries(part)
    if not 0 < len(groups) <= ENTRIES_AT_MOST:
        return [refused(part, "too_many_entries" if groups else "empty")]
    return [entry for raw in groups for entry in _entries(bytes(raw))]


def _entries(raw: bytes) -> list[Entry]:
    try:
        said = _group.decode(raw)
        kinds, numbers = _numbers(said)
        at, source, flags = _moment(said), _source(said), _flags(said)
    except UNREADABLE:
        return [refused(raw, "malformed")]
    except Cannot as cannot:
        return [refused(raw, cannot.reason)]
    return [_entry(raw if len(kinds) == 1 else part_of(raw, kind), kind, numbers, at, source, flags) for kind in kinds]


Numbers = dict[str, tuple[Decimal, str | None]]


def _numbers(said: Group) -> tuple[list[str], Numbers]:
    if said.category == GOAL:
        raise Cannot("not_a_reading")
    numbers: Numbers = {}
    for measure in said.measures:
        if measure.type in TYPES:
            if abs(measure.unit) > 12 or abs(measure.value) > 10**12:
                raise Cannot("malformed")
            metric, unit = TYPES[measure.type]
            numbers[metric] = Decimal(measure.value).scaleb(measure.unit), unit
    kinds = ["blood_pressure"] if {"systolic", "diastolic"} & set(numbers) else []
    kinds += [kind for kind in ("spo2", "weight", "temperature") if kind in numbers]
    if "pulse" in numbers and not {"blood_pressure", "spo2"} & set(kinds):
        kinds.append("pulse")
    if not kinds:
        raise Cannot("not_a_reading")
    return kinds, numbers


def _moment(said: Group) -> When:
    if not 0 <= said.date < LATEST:
        raise Cannot("unreadable_time")
    return When(at=datetime.fromtimestamp(said.date, UTC), raw=str(said.date))


def _source(said: Group) -> str | None:
    return device_id(said.deviceid, PREFIX)


def _flags(said: Group) -> tuple[str, ...]:
    flag = ATTRIBUTIONS.get(said.attrib if said.attrib is not None else -1)
    return (flag,) if flag else ()


def _entry(raw: bytes, kind: str, numbers: Numbers, at: When, source: str | None, flags: tuple[str, ...]) -> Entry:
    try:
        reading: DecodedReading = make(kind, numbers, at, flags=flags, source=source)
    except Cannot as cannot:
        return refused(raw, cannot.reason)
    return Entry(raw=raw, decoded=reading)
