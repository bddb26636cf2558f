"""SenML (RFC 8428) packs: base fields resolved into records, and records of one device and moment into a reading.

A record becomes a number by the last part of its name (`…:systolic`, `…/weight`): a unit alone does not, since
23.1 Cel may be a room. The name before it is the device: `urn:dev:mac:0024befffe804ff1:weight` → `0024befffe804ff1`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from devices.decoded import Entry, Refused
from devices.formats.making import Cannot, When, device_id, make, number, read, refused, split

NAMES: dict[str, str] = {
    "systolic": "systolic", "sys": "systolic", "diastolic": "diastolic", "dia": "diastolic",
    "pulse": "pulse", "hr": "pulse", "heart_rate": "pulse", "heartrate": "pulse", "spo2": "spo2",
    "glucose": "glucose", "weight": "weight", "body_temperature": "temperature", "bodytemp": "temperature",
}  # fmt: skip
SCALED: dict[str, tuple[str, str]] = {"/": ("100", "%"), "Pa": ("0.001", "kPa")}
VERSION = 10
RELATIVE_BELOW = 2**28  # seconds: smaller times count from now (RFC 8428, 4.5.3)
LATEST = 7_258_118_400  # the year 2200
LAST_PART = re.compile(r"[^A-Za-z0-9_]+")


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record with its base fields, or, resolved, without."""

    bn: str | None = None
    bt: Decimal | None = None
    bu: str | None = None
    bv: Decimal | None = None
    bs: Decimal | None = None
    bver: int | None = None
    n: str | None = None
    u: str | None = None
    v: Decimal | None = None
    vs: str | None = None
    vb: bool | None = None
    vd: str | None = None
    s: Decimal | None = None
    t: Decimal | None = None
    ut: Decimal | None = None


_record = msgspec.json.Decoder(Record)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_resolved = msgspec.json.Encoder(decimal_format="number")


def decode(payload: bytes) -> list[Entry]:
    """A reading for each device and moment that has a vital sign's number; a pack without one is refused whole."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    try:
        resolved = resolve(_records(parts), Decimal(0))  # relative times stay apart, and count as none below
    except Cannot as cannot:
        return [refused(payload, cannot.reason)]
    groups: dict[tuple[str, Decimal | None], list[Record]] = {}
    for record in resolved:
        groups.setdefault((_split_name(record.n or "")[0], record.t), []).append(record)
    entries = [entry for (device, at), records in groups.items() for entry in _entries(device, at, records)]
    return entries or [refused(payload, "empty")]


def _records(parts: Sequence[bytes]) -> list[Record]:
    for part in parts:
        if b'_"' in part and any(name.endswith("_") for name in read(_fields, part)):
            raise Cannot("must_understand")  # a field named …_ may not be skipped (RFC 8428, 4.4)
    return [read(_record, part) for part in parts]


def resolve(records: Sequence[Record], now: Decimal | None = None) -> list[Record]:
    """Records with whole names, units, values and times, in their order; `Cannot` when the pack is no SenML.

    `now` (seconds since 1970) resolves relative times; without it they stay away.
    """
    base = Record()
    found: list[Record] = []
    for record in records:
        base = Record(
            bn=record.bn if record.bn is not None else base.bn, bt=_else(record.bt, base.bt),
            bu=record.bu if record.bu is not None else base.bu, bv=_else(record.bv, base.bv),
            bs=_else(record.bs, base.bs), bver=record.bver if record.bver is not None else base.bver,
        )  # fmt: skip
        if base.bver is not None and base.bver > VERSION:
            raise Cannot("unknown_version")
        if all(value is None for value in (record.v, record.vs, record.vb, record.vd, record.s, base.bv, base.bs)):
            continue  # base fields alone
        found.append(_resolve_one(record, base, now))
    return found


def _else(own: Decimal | None, before: Decimal | None) -> Decimal | None:
    return number(own) if own is not None else before


def _resolve_one(record: Record, base: Record, now: Decimal | None) -> Record:
    name = (base.bn or "") + (record.n or "")
    if not name or len(name) > 200:
        raise Cannot("malformed")
    time = _sum(base.bt, record.t) or Decimal(0)
    at = (None if now is None else now + time) if time < RELATIVE_BELOW else time
    numeric = record.v is not None or (record.vs is None and record.vb is None and record.vd is None)
    return Record(
        n=name, u=(record.u if record.u is not None else base.bu) if numeric else record.u, t=at,
        v=_sum(base.bv, record.v) if numeric else None, vs=record.vs, vb=record.vb, vd=record.vd,
        s=_sum(base.bs, record.s), ut=record.ut,
    )  # fmt: skip


def _sum(base: Decimal | None, own: Decimal | None) -> Decimal | None:
    numbers = [number(value) for value in (base, own) if value is not None]
    return sum(numbers[1:], numbers[0]) if numbers else None


def _split_name(name: str) -> tuple[str, str]:
    """(what comes before, the last part in small letters)"""
    at = max((match.end() for match in LAST_PART.finditer(name)), default=0)
    return name[:at], name[at:].lower()


def _source(device: str) -> str | None:
    """The last part of the device's name that can be an id."""
    names = [part for part in re.split(r"[^A-Za-z0-9_-]+", device) if part]
    return device_id(names[-1]) if names else None


def _entries(device: str, time: Decimal | None, records: Sequence[Record]) -> list[Entry]:
    raw = _resolved.encode(records)
    said = [
        (NAMES[name], _scaled(record.v, record.u))
        for record in records
        if (name := _split_name(record.n or "")[1]) in NAMES and record.v is not None
    ]
    numbers = dict(said)
    if any(numbers[metric] != sent for metric, sent in said):
        return [refused(raw, "ambiguous")]  # one moment, one name, two numbers
    kinds = _kinds(set(numbers))
    if not kinds:
        return [refused(raw, "unknown_name")]
    entries = []
    for kind in kinds:
        own = raw if len(kinds) == 1 else raw + b" #" + kind.encode()
        try:
            reading = make(kind, numbers, _moment(time), source=_source(device))
        except Cannot as cannot:
            entries.append(refused(own, cannot.reason))
        else:
            entries.append(Entry(raw=own, decoded=reading))
    return entries


def _kinds(metrics: set[str]) -> list[str]:
    """The readings these numbers make; a pulse goes with the pressure or the oxygen it came with."""
    kinds = ["blood_pressure"] if metrics & {"systolic", "diastolic"} else []
    kinds += [kind for kind in ("spo2", "glucose", "weight", "temperature") if kind in metrics]
    alone = "pulse" in metrics and not {"blood_pressure", "spo2"} & set(kinds)
    return [*kinds, "pulse"] if alone else kinds


def _scaled(value: Decimal, unit: str | None) -> tuple[Decimal, str | None]:
    factor, ours = SCALED.get(unit or "", ("1", unit))
    return (value * Decimal(factor), ours) if factor != "1" else (value, unit)


def _moment(time: Decimal | None) -> When:
    if time is None or time < RELATIVE_BELOW:
        return When()
    if time >= LATEST:
        raise Cannot("unreadable_time")
    return When(at=datetime.fromtimestamp(float(time), UTC), raw=str(time))
