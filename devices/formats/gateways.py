"""JSON of common Bluetooth home gateways (AVA4 and Dusun, Qube-Vital) and of the Kati watch.

A gateway reports what it heard: a list of advertisements, or one value, under `data`. The device is the Bluetooth
address it heard (`ble-` and its digits), the watch its IMEI. Names and citizen numbers some put in are never read.
"""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry, Refused
from devices.formats.making import (
    ENTRIES_AT_MOST,
    NEVER_TOLD,
    Cannot,
    When,
    device_id,
    make,
    part_of,
    read,
    refused,
    several,
    split,
)

LATEST = 7_258_118_400
MEALS = {"before meal": "before_meal", "after meal": "after_meal", "fasting": "fasting", "bedtime": "bedtime"}


class Heard(msgspec.Struct, kw_only=True):
    """What one device showed; glucose is mg/dL and weight kg in these gateways' protocols, numbers may be text."""

    bp_high: Decimal | None = None
    bp_low: Decimal | None = None
    PR: Decimal | None = None
    pr: Decimal | None = None
    pulse: Decimal | None = None
    spo2: Decimal | None = None
    blood_glucose: Decimal | None = None
    marker: str | None = None
    weight: Decimal | None = None
    scan_time: int | None = None
    ble_addr: str | None = None
    device_list: list[msgspec.Raw] | None = None


class Data(msgspec.Struct, kw_only=True):
    attribute: str | None = None
    mac: str | None = None
    ble_mac: str | None = None
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Report(msgspec.Struct, kw_only=True):
    """A gateway's message."""

    type: str
    data: Data | None = None
    time: int | None = None


class Pressure(msgspec.Struct):
    bp_sys: Decimal
    bp_dia: Decimal


class Watch(msgspec.Struct, kw_only=True):
    """The watch's message; `timeStamps` is day/month/year on the wearer's clock."""

    IMEI: str
    heartRate: Decimal | None = None
    bloodPressure: Pressure | None = None
    bodyTemperature: Decimal | None = None
    spO2: Decimal | None = None
    timeStamps: str | None = None


class Either(msgspec.Struct):
    IMEI: str | None = None
    type: str | None = None


Numbers = dict[str, tuple[Decimal, str | None]]
_either = msgspec.json.Decoder(Either)
_report = msgspec.json.Decoder(Report)
_heard = msgspec.json.Decoder(Heard)
_watch = msgspec.json.Decoder(Watch)


def decode(payload: bytes) -> list[Entry]:
    """The readings of each message; a heartbeat or a place is refused as what it is."""
    parts = split(payload)
    if isinstance(parts, Refused):
        return [Entry(raw=payload, decoded=parts)]
    return several(payload, map(_message, parts))


def _message(part: bytes) -> list[Entry]:
    try:
        said = read(_either, part)
        return _of_watch(part) if said.type is None and said.IMEI is not None else _of_gateway(part)
    except Cannot as cannot:
        return [refused(part, cannot.reason)]


def _of_gateway(part: bytes) -> list[Entry]:
    report = read(_report, part)
    if report.type != "reportAttribute" or report.data is None or report.data.value is msgspec.UNSET:
        raise Cannot("device_status")
    value = bytes(report.data.value)
    heard = read(_heard, value)
    if heard.device_list is None:
        return [_entry(part, heard, report)]
    if not 0 < len(heard.device_list) <= ENTRIES_AT_MOST:
        raise Cannot("too_many_entries" if heard.device_list else "empty")
    if len(heard.device_list) == 1:
        return [_one(part, bytes(heard.device_list[0]), report)]
    return [_one(bytes(raw), bytes(raw), report) for raw in heard.device_list]


def _one(raw: bytes, heard: bytes, report: Report) -> Entry:
    try:
        return _entry(raw, read(_heard, heard), report)
    except Cannot as cannot:
        return refused(raw, cannot.reason)


def _entry(raw: bytes, heard: Heard, report: Report) -> Entry:
    try:
        return Entry(raw=raw, decoded=_reading(heard, report))
    except Cannot as cannot:
        return refused(raw, cannot.reason)


def _reading(heard: Heard, report: Report) -> DecodedReading:
    assert report.data is not None
    address = heard.ble_addr or report.data.ble_mac or report.data.mac or ""
    source = device_id(address.replace(":", "").lower(), "ble-")
    rate = next((rate for rate in (heard.PR, heard.pr, heard.pulse) if rate is not None), None)
    beside: Numbers = {"pulse": (rate, "/min")} if rate else {}
    at = _epoch(heard.scan_time if heard.scan_time is not None else report.time)
    if heard.bp_high is not None and heard.bp_low is not None:
        numbers: Numbers = {"systolic": (heard.bp_high, "mm[Hg]"), "diastolic": (heard.bp_low, "mm[Hg]")}
        return make("blood_pressure", {**numbers, **beside}, at, source=source)
    if heard.spo2 is not None:
        return make("spo2", {"spo2": (heard.spo2, "%"), **beside}, at, source=source)
    if heard.blood_glucose is not None:
        meal = MEALS.get((heard.marker or "").lower())
        return make("glucose", {"glucose": (heard.blood_glucose, "mg/dL")}, at, source=source, context=meal)
    if heard.weight is not None:
        return make("weight", {"weight": (heard.weight, "kg")}, at, source=source)
    if beside:
        return make("pulse", beside, at, source=source)
    raise Cannot("not_a_reading")


def _epoch(seconds: int | None) -> When:
    if seconds is None:
        return NEVER_TOLD
    if not 0 <= seconds < LATEST:
        raise Cannot("unreadable_time")
    return When(at=datetime.fromtimestamp(seconds, UTC), raw=str(seconds))


def _of_watch(part: bytes) -> list[Entry]:
    said = read(_watch, part)
    source = device_id(said.IMEI, "imei-")
    rate: Numbers = {"pulse": (said.heartRate, "/min")} if said.heartRate else {}
    kinds: dict[str, Numbers] = {}
    if said.bloodPressure is not None:
        pressure = said.bloodPressure
        kinds["blood_pressure"] = {"systolic": (pressure.bp_sys, "mm[Hg]"), "diastolic": (pressure.bp_dia, "mm[Hg]")}
    if said.spO2 is not None:
        kinds["spo2"] = {"spo2": (said.spO2, "%"), **rate}
    elif rate:
        kinds["pulse"] = rate
    if said.bodyTemperature is not None:
        kinds["temperature"] = {"temperature": (said.bodyTemperature, "Cel")}
    if not kinds:
        raise Cannot("device_status")
    return [_worn(part_of(part, kind), kind, numbers, said, source) for kind, numbers in kinds.items()]


def _worn(raw: bytes, kind: str, numbers: Numbers, said: Watch, source: str | None) -> Entry:
    """A wrist that measures pressure without a cuff is not to be relied on: the reading says so."""
    flags = ("wrist", "cuffless") if kind == "blood_pressure" else ("wrist",)
    try:
        return Entry(raw=raw, decoded=make(kind, numbers, _wall_clock(said.timeStamps), flags=flags, source=source))
    except Cannot as cannot:
        return refused(raw, cannot.reason)


def _wall_clock(text: str | None) -> When:
    if text is None:
        return NEVER_TOLD
    try:
        at = datetime.strptime(text, "%d/%m/%Y %H:%M:%S") if len(text) == 19 else None  # noqa: DTZ007
    except ValueError:
        at = None
    if at is None or at.year < 1900 or at.year > 2200:
        raise Cannot("unreadable_time")
    return When(at=at, raw=text)
