"""Tenovi's measurement webhooks: one metric per object, coincident metrics of a device sharing a timestamp.

"Post as Array" joins them: a pulse and an irregular heartbeat go into the pressure or oxygen they came with. The
device is `hwi_device_id`; `hardware_uuid` is the gateway, which changes when it is replaced, and `patient_id`
theirs: neither is read. Their field notes name no unit for weight and temperature, so `unit` must.
"""

from collections.abc import Mapping
from datetime import timedelta, timezone
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry, Refused
from devices.formats.making import Cannot, When, device_id, make, read, refused, split, when

PREFIX = "tenovi-"
METRICS: dict[str, str] = {
    "blood_pressure": "blood_pressure", "pulse": "pulse", "spo2": "spo2", "glucose": "glucose",
    "blood_glucose": "glucose", "weight": "weight", "temperature": "temperature", "body_temperature": "temperature",
    "irregular_heartbeat": "irregular_heartbeat",
}  # fmt: skip
UNIT_MUST_BE_SAID = {"weight", "temperature"}
STATUS = {"battery_percentage", "battery", "signal_strength"}


class Metric(msgspec.Struct, kw_only=True):
    """One measurement as posted; numbers may come as text."""

    metric: str
    hwi_device_id: str
    value_1: Decimal | None = None
    value_2: Decimal | None = None
    unit: str | None = None
    timestamp: str | None = None
    created: str | None = None
    timezone_offset: Decimal | None = None
    estimated_timestamp: bool | str | None = None


_metric = msgspec.json.Decoder(Metric)
Said = Mapping[str, tuple[bytes, Metric]]


def decode(payload: bytes) -> list[Entry]:
    """One reading for each device and moment; what belongs to no reading is refused by its own."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    entries: list[Entry] = []
    moments: dict[tuple[str, str | None], dict[str, tuple[bytes, Metric]]] = {}
    for part in parts:
        try:
            said = read(_metric, part)
        except Cannot as cannot:
            entries.append(refused(part, cannot.reason))
            continue
        name = METRICS.get(said.metric.lower())
        if name is None:
            entries.append(refused(part, "device_status" if said.metric in STATUS else "unknown_metric"))
            continue
        together = moments.setdefault((said.hwi_device_id, said.timestamp or said.created), {})
        if name in together and together[name][0] != part:
            entries.append(refused(part, "ambiguous"))  # one device, one moment, two numbers
            continue
        together[name] = part, said
    return entries + [entry for together in moments.values() for entry in _together(together)]


def _together(said: Said) -> list[Entry]:
    kinds = [kind for kind in ("blood_pressure", "spo2", "glucose", "weight", "temperature") if kind in said]
    kinds = kinds or (["pulse"] if "pulse" in said else [])
    if not kinds:
        return [refused(raw, "flag_without_reading") for raw, _ in said.values()]
    main = kinds[0]
    beside = [name for name in ("pulse", "irregular_heartbeat") if name in said and name != main]
    entries = [_entry(main, said, beside)]
    return entries + [_entry(kind, said, []) for kind in kinds[1:]]


def _entry(kind: str, said: Said, beside: list[str]) -> Entry:
    raws = [said[name][0] for name in (kind, *beside)]
    raw = raws[0] if len(raws) == 1 else b"[" + b",".join(raws) + b"]"
    try:
        return Entry(raw=raw, decoded=_reading(kind, said, beside))
    except Cannot as cannot:
        return refused(raw, cannot.reason)


def _reading(kind: str, said: Said, beside: list[str]) -> DecodedReading:
    main = said[kind][1]
    if kind in UNIT_MUST_BE_SAID and main.unit is None:
        raise Cannot("unknown_unit")
    names = ("systolic", "diastolic") if kind == "blood_pressure" else (kind,)
    sent = (main.value_1, main.value_2)
    numbers = {name: (value, main.unit) for name, value in zip(names, sent, strict=False) if value is not None}
    if "pulse" in beside and (rate := said["pulse"][1].value_1) is not None:
        numbers["pulse"] = rate, None
    flags = ["irregular_pulse"] if "irregular_heartbeat" in beside and said["irregular_heartbeat"][1].value_1 else []
    if main.estimated_timestamp not in (None, False, "false", "False", ""):
        flags.append("time_approximate")
    source = device_id(main.hwi_device_id, PREFIX)
    if source is None:
        raise Cannot("unknown_source")
    return make(kind, numbers, _moment(main), flags=flags, source=source)


def _moment(said: Metric) -> When:
    """Their time; without a zone of its own it is in the zone of `timezone_offset` (hours, or minutes beyond 14)."""
    at = when(said.timestamp or said.created)
    if at.at is None or said.timezone_offset is None or not said.timezone_offset.is_finite():
        return at
    minutes = said.timezone_offset * (60 if abs(said.timezone_offset) <= 14 else 1)
    if abs(minutes) > 14 * 60:
        return at
    zone = timezone(timedelta(minutes=int(minutes)))
    moved = at.at.astimezone(zone) if at.at.tzinfo else at.at.replace(tzinfo=zone)
    return msgspec.structs.replace(at, at=moved)
