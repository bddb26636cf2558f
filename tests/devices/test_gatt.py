"""Bluetooth's special numbers, status bits and sequence pairs, each at its edges."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import formats
from devices.decoded import DecodedReading, Refused
from devices.formats import gatt_bytes

SPECIALS = [(0x07FF, "NaN"), (0x0800, "NRes"), (0x0801, "reserved"), (0x07FE, "+INF"), (0x0802, "-INF")]


def decoded(characteristic: str, value: str, **more: Any) -> DecodedReading | Refused:
    payload = json.dumps({"characteristic": characteristic, "value": value, **more}).encode()
    [entry] = formats.decode(payload, "gatt")
    return entry.decoded


def two(raw: int) -> str:
    return raw.to_bytes(2, "little").hex()


@pytest.mark.parametrize(("raw", "name"), SPECIALS)
def test_each_special_value_is_no_number(raw: int, name: str) -> None:
    assert gatt_bytes.sfloat(raw) == name
    assert (
        gatt_bytes.float32(
            {"NaN": 0x7FFFFF, "NRes": 0x800000, "reserved": 0x800001, "+INF": 0x7FFFFE, "-INF": 0x800002}[name]
        )
        == name
    )


@given(st.integers(0, 0xFFFF))
def test_every_other_sixteen_bits_are_mantissa_times_a_power_of_ten(raw: int) -> None:
    value = gatt_bytes.sfloat(raw)
    if raw in gatt_bytes.SFLOAT:
        assert isinstance(value, str)
        return
    mantissa = (raw & 0x0FFF) - (0x1000 if raw & 0x0800 else 0)
    exponent = (raw >> 12) - (16 if raw >> 15 else 0)
    assert value == Decimal(f"{mantissa}e{exponent}")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (0x07FD, 2045),
        (0x0803, -2045),
        (0x0000, 0),
        (0xF7FD, Decimal("204.5")),
        (0x7001, 10**7),
        (0x8001, Decimal("1e-8")),
    ],
)
def test_the_numbers_beside_the_special_ones_are_numbers(raw: int, value: Any) -> None:
    assert gatt_bytes.sfloat(raw) == value


@pytest.mark.parametrize(("raw", "name"), SPECIALS)
@pytest.mark.parametrize("place", ["systolic", "diastolic"])
def test_a_cuff_that_shows_a_special_value_failed(raw: int, name: str, place: str) -> None:
    first, second = (two(raw), two(80)) if place == "systolic" else (two(120), two(raw))
    assert decoded("2A35", "00" + first + second + two(90)) == Refused(reason="failed_measurement")


@pytest.mark.parametrize(("raw", "name"), SPECIALS)
def test_a_pulse_that_failed_is_left_out_of_a_good_pressure(raw: int, name: str) -> None:
    reading = decoded("2A35", "04" + two(120) + two(80) + two(93) + two(raw))
    assert isinstance(reading, DecodedReading)
    assert reading.values == {"systolic_mmhg": 120, "diastolic_mmhg": 80}


TIME = "ea070302082a00"


@pytest.mark.parametrize(("raw", "name"), SPECIALS)
def test_a_glucose_of_infinity_is_hi_or_lo_and_every_other_special_value_failed(raw: int, name: str) -> None:
    reading = decoded("2A18", "02" + "0100" + TIME + two(raw) + "11")
    side = {"+INF": "above", "-INF": "below"}.get(name)
    if side is None:
        assert reading == Refused(reason="failed_measurement")
    else:
        assert isinstance(reading, DecodedReading)
        assert (reading.kind, reading.out_of_range, reading.values) == ("glucose", side, {})


@pytest.mark.parametrize(("bit", "side"), [(5, "above"), (6, "below")])
@pytest.mark.parametrize("concentration", [two(0x07FF) + "11", two(0xB064) + "11", ""])
def test_the_meters_own_hi_and_lo_bits_count_whatever_number_stands_beside(
    bit: int, side: str, concentration: str
) -> None:
    flags = "0a" if concentration else "08"
    reading = decoded("2A18", flags + "0100" + TIME + concentration + two(1 << bit))
    assert isinstance(reading, DecodedReading)
    assert (reading.out_of_range, reading.values) == (side, {})


@pytest.mark.parametrize("where", ["1a", "41"])
def test_control_solution_is_nobodys_glucose(where: str) -> None:
    assert decoded("2A18", "02" + "0100" + TIME + two(0xB064) + where) == Refused(reason="control_solution")


@pytest.mark.parametrize(
    ("bits", "flags"),
    [
        (0b1, ("movement",)),
        (0b10, ("cuff_loose",)),
        (0b100, ("irregular_pulse",)),
        (0b01000, ("pulse_above_range",)),
        (0b10000, ("pulse_below_range",)),
        (0b100000, ("position",)),
        (0b100111, ("movement", "cuff_loose", "irregular_pulse", "position")),
    ],
)
def test_a_cuffs_status_bits_are_our_flags(bits: int, flags: tuple[str, ...]) -> None:
    reading = decoded("2A35", "10" + two(120) + two(80) + two(93) + two(bits))
    assert isinstance(reading, DecodedReading)
    assert reading.flags == flags


@pytest.mark.parametrize(("user", "slot"), [("00", 0), ("02", 2), ("ff", None)])
def test_the_user_of_a_shared_cuff_is_its_slot(user: str, slot: int | None) -> None:
    reading = decoded("2A35", "08" + two(120) + two(80) + two(93) + user)
    assert isinstance(reading, DecodedReading)
    assert reading.user_slot == slot


@pytest.mark.parametrize("time", ["0000" + "0302072a0a", "ea07" + "0002072a0a", "ea07" + "021e072a0a"])
def test_a_cuff_that_does_not_know_the_date_leaves_it_to_the_hub(time: str) -> None:
    value = "02" + two(120) + two(80) + two(93) + time
    alone, heard = decoded("2A35", value), decoded("2A35", value, measured_at="2026-03-02T07:42:10-05:00")
    assert isinstance(alone, DecodedReading)
    assert isinstance(heard, DecodedReading)
    assert alone.measured_at is None
    assert alone.measured_at_raw is not None
    assert heard.measured_at is not None
    assert heard.utc_offset_minutes == -300
    assert heard.measured_at_raw == alone.measured_at_raw


def test_a_context_joins_only_its_own_sequence_number_and_source() -> None:
    glucose = {"characteristic": "2A18", "value": "02" + "0500" + TIME + two(0xB064) + "11", "source": "meter-1"}
    context = {"characteristic": "2A34", "value": "02050002", "source": "meter-1", "seq": 4}
    other = {"characteristic": "2A34", "value": "02050001", "source": "meter-2"}
    entries = formats.decode(json.dumps([context, glucose, other]).encode(), "gatt")
    told = [
        e.decoded.context if isinstance(e.decoded, DecodedReading) else (e.decoded.reason, e.decoded.seq)
        for e in entries
    ]
    assert told == ["after_meal", ("told_with_its_measurement", 4), ("context_without_measurement", None)]


@pytest.mark.parametrize("value", ["zz", "0", "", "00" * 600])
def test_what_is_no_attribute_value_is_malformed_and_keeps_its_number(value: str) -> None:
    assert decoded("2A35", value, seq=7) == Refused(reason="malformed", seq=7)
