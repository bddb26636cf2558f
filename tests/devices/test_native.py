"""Careloop's own JSON, entry by entry."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decoded import DecodedReading, Refused
from devices.formats import native

BP = {"seq": 1, "kind": "blood_pressure", "measured_at": "2026-11-21T07:58:12-05:00", "systolic": 148, "diastolic": 92}


def one(entry: Any) -> DecodedReading | Refused:
    return native.decode(json.dumps(entry).encode())[0].decoded


def test_the_contracts_example_is_read_whole() -> None:
    decoded = one({**BP, "pulse": 71, "unit": "mm[Hg]", "user_slot": 1, "flags": ["irregular_pulse"], "backlog": True})
    assert isinstance(decoded, DecodedReading)
    assert decoded.values == {"systolic_mmhg": 148, "diastolic_mmhg": 92, "pulse_bpm": 71}
    assert (decoded.seq, decoded.epoch, decoded.user_slot, decoded.flags) == (1, 0, 1, ("irregular_pulse",))
    assert (decoded.utc_offset_minutes, decoded.backlog) == (-300, True)
    assert decoded.measured_at_raw == BP["measured_at"]


@pytest.mark.parametrize(
    ("entry", "column", "value"),
    [
        ({"kind": "blood_pressure", "systolic": 19.7, "diastolic": 12.3, "unit": "kPa"}, "systolic_mmhg", "147.8"),
        ({"kind": "glucose", "glucose": 5.5, "unit": "mmol/L"}, "glucose_mgdl", "99.1"),
        ({"kind": "glucose", "glucose": 104, "unit": "mg/dL"}, "glucose_mgdl", "104"),
        ({"kind": "weight", "weight": 180, "unit": "[lb_av]"}, "weight_kg", "81.65"),
        ({"kind": "weight", "weight": 81.65}, "weight_kg", "81.65"),
        ({"kind": "temperature", "temperature": 98.6, "unit": "[degF]"}, "temperature_c", "37.00"),
        ({"kind": "temperature", "temperature": 36.6}, "temperature_c", "36.6"),
        ({"kind": "spo2", "spo2": 97, "pulse": 64}, "spo2_pct", "97"),
        ({"kind": "pulse", "pulse": 61, "unit": "bpm"}, "pulse_bpm", "61"),
    ],
)
def test_units_are_converted_at_the_door(entry: dict[str, Any], column: str, value: str) -> None:
    decoded = one(entry)
    assert isinstance(decoded, DecodedReading)
    assert decoded.values[column] == Decimal(value)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[", "not_json"),
        (b"[]", "empty"),
        (b"null", "malformed"),
        (b"[1]", "malformed"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (json.dumps([BP] * 1001).encode(), "too_many_entries"),
        (json.dumps({**BP, "kind": "mood"}).encode(), "unknown_kind"),
        (json.dumps({**BP, "unit": "furlong"}).encode(), "unknown_unit"),
        (json.dumps({**BP, "diastolic": None}).encode(), "value_missing"),
        (json.dumps({**BP, "systolic": "148"}).encode(), "malformed"),
        (json.dumps({**BP, "systolic": 2047, "diastolic": 2047}).encode(), "failed_measurement"),
        (json.dumps({**BP, "measured_at": "yesterday"}).encode(), "unreadable_time"),
        (json.dumps({**BP, "measured_at": "2026-02-30T00:00:00Z"}).encode(), "unreadable_time"),
        (json.dumps({**BP, "flags": ["a\x00b"]}).encode(), "malformed"),
        (json.dumps({**BP, "seq": -1}).encode(), "malformed"),
        (json.dumps({**BP, "seq": 2**64}).encode(), "malformed"),
        (json.dumps({**BP, "systolic": "NaN"}).encode(), "malformed"),
        (b'{"kind": "weight", "weight": 1e999}', "malformed"),
    ],
)
def test_what_can_never_work_has_its_reason(payload: bytes, reason: str) -> None:
    decoded = native.decode(payload)[0].decoded
    assert isinstance(decoded, Refused)
    assert decoded.reason == reason


def test_a_refusal_still_names_the_number_it_came_with() -> None:
    decoded = one({**BP, "seq": 7, "epoch": 2, "systolic": "high"})
    assert decoded == Refused(reason="malformed", seq=7, epoch=2)


@pytest.mark.parametrize(("word", "side"), [("HI", "above"), ("LO", "below")])
def test_hi_and_lo_are_readings_without_a_number(word: str, side: str) -> None:
    decoded = one({"kind": "glucose", "glucose": word})
    assert isinstance(decoded, DecodedReading)
    assert (decoded.out_of_range, decoded.values) == (side, {})


def test_each_entry_of_an_array_keeps_its_own_bytes() -> None:
    payload = b'[ {"kind":"pulse","pulse":60} ,{"kind":"pulse", "pulse":61}, {"kind":"nothing"} ]'
    entries = native.decode(payload)
    assert [entry.raw for entry in entries] == [
        b'{"kind":"pulse","pulse":60}', b'{"kind":"pulse", "pulse":61}', b'{"kind":"nothing"}',
    ]  # fmt: skip
    assert [type(entry.decoded) for entry in entries] == [DecodedReading, DecodedReading, Refused]


@given(st.binary(max_size=300) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["kind", "seq", "glucose", "measured_at", "flags"]), s)).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_nothing_that_comes_in_raises(payload: bytes) -> None:
    assert native.decode(payload)


def test_a_pulse_that_failed_does_not_silence_the_pressure_beside_it() -> None:
    (entry,) = native.decode(b'{"kind": "blood_pressure", "systolic": 192, "diastolic": 124, "pulse": 2047}')
    assert isinstance(entry.decoded, DecodedReading)
    assert entry.decoded.values == {"systolic_mmhg": 192, "diastolic_mmhg": 124}


def test_a_meters_control_solution_is_not_the_patients_blood() -> None:
    (entry,) = native.decode(b'{"kind": "glucose", "glucose": 120, "flags": ["control_solution"]}')
    assert entry.decoded == Refused(reason="control_solution")
