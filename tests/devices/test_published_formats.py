"""Messages that others published decode to what they say, when their files are beside the repository."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices import formats, quality
from devices.decoded import DecodedReading, Entry, Refused
from devices.formats import detect, gatt_bytes, gatt_waves, senml

SHARED = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "devices"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the published fixtures are not beside this clone")


def load(name: str) -> list[dict[str, Any]]:
    path = SHARED / name
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return found


def readings(entries: list[Entry]) -> list[DecodedReading]:
    return [entry.decoded for entry in entries if isinstance(entry.decoded, DecodedReading)]


# --- Bluetooth

PARSERS = {
    "2A35": gatt_bytes.pressure, "2A36": gatt_bytes.pressure, "2A18": gatt_bytes.glucose, "2A9D": gatt_bytes.weight,
    "2A5E": gatt_bytes.spot_oximetry, "2A5F": gatt_bytes.continuous_oximetry, "2A37": gatt_waves.heart_rate,
    "2AA7": gatt_waves.continuous_glucose, "2A08": gatt_bytes.date_time,
    "SFLOAT": lambda data: gatt_bytes.sfloat(int.from_bytes(data, "little")),
    "FLOAT": lambda data: gatt_bytes.float32(int.from_bytes(data, "little")),
}  # fmt: skip
BITS = {
    "body_movement": 0, "cuff_too_loose": 1, "irregular_pulse": 2, "improper_position": 5,
}  # fmt: skip
NAMES = {
    "pulse_rate": "pulse", "user_id": "user", "time_offset_min": "offset_minutes", "map": "mean",
    "heart_rate": "rate", "timestamp": "moment", "base_time": "base", "type": "sample", "sample_location": "location",
    "sensor_status": "status", "cuff_pressure": "systolic", "measurement_status": "status",
    "device_status": "sensor", "pulse_amplitude_index": "amplitude",
}  # fmt: skip


def moment(expected: dict[str, int | None]) -> gatt_bytes.Moment:
    return gatt_bytes.Moment(**{name: value or 0 for name, value in expected.items()})


def field(said: Any, name: str, expected: Any) -> tuple[Any, Any]:
    """(what we read, what they say), comparable."""
    if name == "status" and isinstance(expected, dict):
        status = said.status
        ours = {one: bool(status >> bit & 1) for one, bit in BITS.items()}
        pulse_range = status >> 3 & 3
        ours |= {
            "pulse_in_range": pulse_range == 0, "pulse_exceeds_upper": pulse_range == 1,
            "pulse_below_lower": pulse_range == 2,
        }  # fmt: skip
        return ours, expected
    if name == "effective_time":
        minutes = said.offset_minutes or 0
        return said.base.at + timedelta(minutes=minutes), moment(expected).at
    ours = getattr(said, NAMES.get(name, name))
    if isinstance(expected, dict):
        return ours, moment(expected)
    if isinstance(expected, list):
        return list(ours), expected
    return ours, Decimal(str(expected)) if isinstance(expected, float) else expected


@pytest.mark.parametrize("case", load("ble-gatt.json"), ids=lambda case: case["id"])
def test_bytes_of_other_peoples_test_suites_read_field_by_field(case: dict[str, Any]) -> None:
    data, expected = bytes.fromhex(case["hex"]), case["expected"]
    parse: Any = PARSERS[case["characteristic"]]
    if not case["valid"]:
        with pytest.raises(gatt_bytes.TooShort):
            parse(data)
        return
    said = parse(data)
    if "special" in expected or "value" in expected:
        assert said == (expected.get("special") or Decimal(str(expected["value"])))
    elif "records" in expected:
        assert [(r.glucose_mgdl, r.minutes) for r in said] == [
            (r["glucose_mg_dl"], r["time_offset_min"]) for r in expected["records"]
        ]
    elif case["characteristic"] == "2A08":
        assert said == moment(expected["timestamp"])
    else:
        for name, value in expected.items():
            ours, theirs = field(said, name, value)
            assert ours == theirs, name


NO_READING = {"2A36", "2A08", "FLOAT", "SFLOAT"}


@pytest.mark.parametrize("case", load("ble-gatt.json"), ids=lambda case: case["id"])
def test_those_bytes_become_readings_or_are_refused(case: dict[str, Any]) -> None:
    payload = json.dumps({"characteristic": case["characteristic"], "value": case["hex"]}).encode()
    found = readings(formats.decode(payload, "gatt"))
    assert bool(found) is (case["valid"] and case["characteristic"] not in NO_READING)
    implausible = {"bpm-minimal", "glm-full", "hr-uint16"}
    assert any(quality.implausible(reading) for reading in found) is (case["id"] in implausible)


# --- Vendors

KINDS = {"blood-pressure": "blood_pressure", "oximetry": "spo2", "blood-glucose": "glucose", "body-weight": "weight"}
COLUMNS = {
    "systolic": "systolic_mmhg", "diastolic": "diastolic_mmhg", "pulse": "pulse_bpm", "spo2": "spo2_pct",
}  # fmt: skip
VALUES = {"glucose": "glucose_mgdl", "weight": "weight_kg"}


@pytest.mark.parametrize("case", load("vendor-payloads.json"), ids=lambda case: case["id"])
def test_a_real_gateways_message_is_normalised_or_quarantined(case: dict[str, Any]) -> None:
    payload = json.dumps(case["payload"]).encode()
    name = detect.guess(payload)
    assert name is not None
    entries = formats.decode(payload, name)
    expected = case.get("expected")
    if expected is None or expected["kind"] == "gateway-status":
        vitals = "VitalSign" in case.get("topic", "")
        assert bool(readings(entries)) is vitals
        return
    [reading] = readings(entries)
    assert reading.kind == KINDS[expected["kind"]]
    for column, value in expected.items():
        if column in COLUMNS:
            assert reading.values[COLUMNS[column]] == value
    if "value" in expected:
        assert reading.values[VALUES[reading.kind]] == Decimal(str(expected["value"]))
    if "effective" in expected:
        assert reading.measured_at == datetime.fromisoformat(expected["effective"])
    assert reading.context == ("after_meal" if expected.get("meal") == "After Meal" else None)


# --- Open mHealth

OMH = sorted((SHARED / "openmhealth" / "test-data").glob("*/*/should*/*.json"))
HEADER = {"id": "a0000000-0000-4000-8000-000000000009", "creation_date_time": "2026-03-02T12:42:11Z"}
BODY = {"body_weight": {"value": 80, "unit": "kg"}, "effective_time_frame": {"date_time": "2026-03-02T12:42:10Z"}}


@pytest.mark.parametrize("path", OMH, ids=lambda path: "/".join(path.parts[-4:]))
def test_open_mhealths_own_test_data_passes_and_fails_as_it_should(path: Path) -> None:
    name, version, verdict, _ = path.parts[-4:]
    sample = json.loads(path.read_text())
    if name == "data-point":
        point = sample
    elif name == "header":  # a header of whatever it is about, before a body we know
        schema = {"namespace": "omh", "name": "body-weight", "version": "3.0"}
        point = {"header": sample | ({"schema_id": schema} if "schema_id" in sample else {}), "body": BODY}
    else:
        schema = {"namespace": "omh", "name": name, "version": version}
        point = {"header": HEADER | {"schema_id": schema}, "body": sample}
    [entry] = formats.decode(json.dumps(point).encode(), "open_mhealth")
    assert isinstance(entry.decoded, DecodedReading) is (verdict == "shouldPass"), entry.decoded


@pytest.mark.parametrize(
    "path",
    [path for path in OMH if path.parts[-2] == "shouldPass" and path.parts[-4] != "header"],
    ids=lambda path: "/".join(path.parts[-4:]),
)
def test_a_body_without_its_header_is_read_too(path: Path) -> None:
    assert readings(formats.decode(path.read_bytes(), "open_mhealth"))


# --- FHIR

PHD: dict[str, list[tuple[str, dict[str, str], str]]] = {
    "bundle-example-1": [
        ("spo2", {"spo2_pct": "98"}, "2019-09-20T12:40:16.936-04:00"),
        ("pulse", {"pulse_bpm": "47"}, "2019-09-20T12:40:16.936-04:00"),
    ],
    "compound-numeric-blood-pressure-no-mean": [
        ("blood_pressure", {"systolic_mmhg": "116", "diastolic_mmhg": "71"}, "2018-11-11T11:38:15-05:00")
    ],
    "compound-observation-glucose": [("glucose", {"glucose_mgdl": "113.5"}, "2018-11-11T11:38:15-05:00")],
    "glucose-observation": [("glucose", {"glucose_mgdl": "99"}, "2025-01-08T19:07:48-05:00")],
    "numeric-spo2-alarm": [("spo2", {"spo2_pct": "79.0"}, "2018-11-13T17:59:02-05:00")],
    "numeric-spotnumeric": [("pulse", {"pulse_bpm": "48.0"}, "2018-11-13T17:59:03-05:00")],
}


@pytest.mark.parametrize("path", sorted((SHARED / "hl7-phd").glob("*.json")), ids=lambda path: path.stem)
def test_the_device_guides_examples_keep_value_unit_time_and_device(path: Path) -> None:
    entries = formats.decode(path.read_bytes(), "fhir")
    found = readings(entries)
    told = [(r.kind, {column: str(value) for column, value in r.values.items()}, r.measured_at_raw) for r in found]
    assert told == PHD.get(path.stem, [])
    assert all(reading.source for reading in found)
    assert found or [type(entry.decoded) for entry in entries] == [Refused]


def test_the_device_guides_alarm_and_clocks_are_flags() -> None:
    def flags(name: str) -> list[tuple[str, ...]]:
        return [r.flags for r in readings(formats.decode((SHARED / "hl7-phd" / name).read_bytes(), "fhir"))]

    assert flags("numeric-spo2-alarm.json") == [("alarm", "spot")]
    assert flags("bundle-example-1.json") == [("spot", "clock_corrected")] * 2


# --- SenML

PACKS = sorted((SHARED / "senml").glob("*.gen.json"))


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.name)
def test_a_pack_resolves_to_the_rfcs_own_resolved_records(path: Path) -> None:
    resolved = msgspec.json.decode(
        path.with_name(path.name.replace(".gen.", ".gen.resolved.")).read_bytes(), type=list[senml.Record]
    )
    now = max((record.t for record in resolved if record.t is not None), default=None)
    ours = senml.resolve(msgspec.json.decode(path.read_bytes(), type=list[senml.Record]), now)
    kept = [record for record in ours if record.vd is None]  # theirs leaves data values away
    assert kept == resolved
