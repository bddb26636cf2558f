"""What may be believed of a reading: its time, its plausibility, its age."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import formats, quality, registry
from devices.decoded import DecodedReading, Refused
from devices.meanings import meanings
from devices.quality import Clocked
from devices.registry import Loan
from devices.units import BY_COLUMN, COLUMNS
from server.db.ids import uuid7

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


HOUR, MINUTE, SECOND, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)


def reading(
    kind: str = "blood_pressure", at: datetime | None = None, *, backlog: bool = False, flags: tuple[str, ...] = (),
    **values: str,
) -> DecodedReading:  # fmt: skip
    numbers = {name: Decimal(value) for name, value in values.items()}
    return DecodedReading(kind=kind, measured_at=at, values=numbers, backlog=backlog, flags=flags)


def wall(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("told", "measured", "basis", "ahead", "flags"),
    [
        (NOW - 2 * HOUR, NOW - 2 * HOUR, "device", False, ()),
        (NOW - 400 * DAY, NOW - 400 * DAY, "device", False, ()),
        (None, NOW, "received", False, ()),
        (datetime(1970, 1, 1, 0, 5, tzinfo=UTC), NOW, "received", False, ()),
        (datetime(2000, 1, 1, tzinfo=UTC), NOW, "received", False, ()),
        (datetime(2014, 12, 31, 23, 59, 59, tzinfo=UTC), NOW, "received", False, ()),
        (datetime(2015, 1, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC), "device", False, ()),
        (wall(2026, 11, 21, 6, 30), datetime(2026, 11, 21, 11, 30, tzinfo=UTC), "device", False, ()),
        (wall(2000, 1, 1), NOW, "received", False, ()),
        (NOW + 2 * MINUTE, NOW + 2 * MINUTE, "device", False, ()),
        (NOW + 2 * MINUTE + SECOND, NOW, "received", False, ("clock_ahead",)),
        (NOW + DAY, NOW, "received", False, ("clock_ahead",)),
        (NOW + DAY + SECOND, NOW, "received", True, ("clock_ahead",)),
        (datetime(2199, 1, 1, tzinfo=UTC), NOW, "received", True, ("clock_ahead",)),
    ],
)
def test_a_time_is_believed_or_replaced(
    told: datetime | None, measured: datetime, basis: str, ahead: bool, flags: tuple[str, ...]
) -> None:
    clocked = quality.clock(reading(at=told), NEW_YORK, NOW)
    assert (clocked.measured_at, clocked.basis, clocked.ahead, clocked.flags) == (measured, basis, ahead, flags)


AHEAD, CORRECTED = ("clock_ahead",), ("clock_corrected",)


@pytest.mark.parametrize(
    ("told", "skew", "backlog", "measured", "basis", "flags"),
    [
        # an error of two minutes is no error
        (NOW - HOUR, 2 * MINUTE, False, NOW - HOUR, "device", ()),
        (NOW - HOUR, -2 * MINUTE, False, NOW - HOUR, "device", ()),
        (NOW - HOUR, 2 * MINUTE + SECOND, False, NOW - HOUR + 2 * MINUTE + SECOND, "corrected", CORRECTED),
        # a fast clock
        (NOW + 3 * HOUR - MINUTE, -3 * HOUR, False, NOW - MINUTE, "corrected", CORRECTED),
        (NOW + 2 * HOUR, -3 * HOUR, False, NOW - HOUR, "corrected", CORRECTED),
        (NOW + 2 * HOUR, -3 * HOUR, True, NOW - HOUR, "corrected", CORRECTED),
        (NOW + 3 * HOUR + MINUTE, -3 * HOUR, False, NOW, "corrected", CORRECTED),  # never later than its receipt
        (
            NOW + 400 * DAY - MINUTE,
            -400 * DAY,
            False,
            NOW - MINUTE,
            "corrected",
            CORRECTED,
        ),  # a known error holds nothing
        # a slow one
        (NOW - 3 * HOUR, 3 * HOUR, False, NOW, "corrected", CORRECTED),
        (NOW - 5 * HOUR, 3 * HOUR, False, NOW - 2 * HOUR, "corrected", CORRECTED),
        (NOW - HOUR, 3 * HOUR, False, NOW, "corrected", CORRECTED),  # more than the error explains: as new as can be
        (NOW - HOUR, 3 * HOUR, True, NOW - HOUR, "device", ()),  # measured before the clock went wrong
        # a clock that agrees with ours was set
        (NOW - MINUTE, -3 * HOUR, False, NOW - MINUTE, "device", ()),
        (NOW - MINUTE, 3 * HOUR, False, NOW - MINUTE, "device", ()),
        # a future that the error does not explain
        (NOW + 5 * HOUR, -3 * HOUR, False, NOW, "received", AHEAD),
        (NOW + 5 * HOUR, 3 * HOUR, False, NOW, "received", AHEAD),
        # no clock, no correction
        (None, -3 * HOUR, False, NOW, "received", ()),
        (datetime(1970, 1, 1, tzinfo=UTC), 56 * 365 * DAY, False, NOW, "received", ()),
    ],
)
def test_a_known_skew_corrects_what_it_explains(
    told: datetime | None, skew: timedelta, backlog: bool, measured: datetime, basis: str, flags: tuple[str, ...]
) -> None:
    clocked = quality.clock(reading(at=told, backlog=backlog), NEW_YORK, NOW, skew)
    assert (clocked.measured_at, clocked.basis, clocked.flags, clocked.ahead) == (measured, basis, flags, False)


def test_a_date_is_not_corrected() -> None:
    dated = reading(at=NOW - 5 * HOUR, flags=("time_approximate",))
    assert quality.clock(dated, NEW_YORK, NOW, -3 * HOUR).measured_at == NOW - 5 * HOUR


moments = st.none() | st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)).flatmap(  # noqa: DTZ001
    lambda at: st.sampled_from([at, at.replace(tzinfo=UTC), at.replace(tzinfo=NEW_YORK)])
)
near = st.timedeltas(-3 * DAY, 3 * DAY).map(lambda since: NOW + since)
skews = st.none() | st.timedeltas(-4000 * DAY, 4000 * DAY) | st.timedeltas(-5 * HOUR, 5 * HOUR)


@given(moments | near, skews, st.booleans())
def test_whatever_a_clock_says_no_reading_lies_in_the_future(
    told: datetime | None, skew: timedelta | None, backlog: bool
) -> None:
    clocked = quality.clock(reading(at=told, backlog=backlog), NEW_YORK, NOW, skew)
    assert clocked.measured_at <= NOW + (quality.TRUSTED if clocked.basis == "device" else timedelta())
    assert clocked.measured_at.tzinfo is UTC
    assert (clocked.basis == "corrected") == (clocked.flags == CORRECTED)
    assert not clocked.ahead or clocked.basis == "received"


@given(moments | near, skews)
def test_no_clock_makes_a_backlog_live_unless_its_time_is_known(told: datetime | None, skew: timedelta | None) -> None:
    clocked = quality.clock(reading(at=told, backlog=True), NEW_YORK, NOW, skew)
    if clocked.basis == "received":
        assert quality.age("glucose", clocked, NOW, backlog=True) == "late"


# New York's clocks: back at 06:00 UTC on 1 November 2026, forward at 07:00 UTC on 8 March 2026.


@pytest.mark.parametrize(
    ("told", "received", "measured"),
    [
        # 01:30 comes twice, at 05:30 and at 06:30 UTC: the later one that had come
        (wall(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 5, 31, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (wall(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 6, 27, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (wall(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 6, 28, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        (wall(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 6, 31, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        (wall(2026, 11, 1, 1, 30), datetime(2026, 11, 2, 6, 31, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        # 02:30 is skipped: a clock that was not put forward shows it at 07:30 UTC
        (wall(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 7, 31, tzinfo=UTC), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        (wall(2026, 3, 8, 2, 30), datetime(2026, 3, 9, 7, 31, tzinfo=UTC), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        # … unless that had not come: it was put forward early
        (wall(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 6, 31, tzinfo=UTC), datetime(2026, 3, 8, 6, 30, tzinfo=UTC)),
        # one that says its offset is not in doubt
        (datetime.fromisoformat("2026-11-01T01:30:00-04:00"), datetime(2026, 11, 1, 9, tzinfo=UTC),
         datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_wall_clock_means_the_latest_moment_that_had_come(
    told: datetime, received: datetime, measured: datetime
) -> None:
    clocked = quality.clock(reading(at=told), NEW_YORK, received)
    assert (clocked.measured_at, clocked.basis) == (measured, "device")


@pytest.mark.parametrize(
    ("kind", "since", "age"),
    [
        ("glucose", -5 * MINUTE, "live"),
        ("glucose", 30 * MINUTE, "live"),
        ("glucose", 30 * MINUTE + SECOND, "late"),
        ("glucose", 24 * HOUR, "late"),
        ("glucose", 24 * HOUR + SECOND, "historic"),
        ("weight", 24 * HOUR, "live"),
        ("weight", 24 * HOUR + SECOND, "historic"),
    ],
)
def test_age_at_each_boundary(kind: str, since: timedelta, age: str) -> None:
    assert quality.age_at(kind, NOW - since, NOW) == age
    for basis in ("device", "corrected"):
        clocked = Clocked(measured_at=NOW - since, basis=basis, ahead=False)  # type: ignore[arg-type]
        for backlog in (False, True):
            assert quality.age(kind, clocked, NOW, backlog) == age


@pytest.mark.parametrize(
    ("kind", "since", "backlog", "age"),
    [
        ("glucose", timedelta(), False, "live"),
        ("glucose", 31 * MINUTE, False, "late"),
        ("glucose", timedelta(), True, "late"),
        ("weight", timedelta(), True, "late"),
        ("glucose", 30 * DAY, True, "late"),
    ],
)
def test_an_unknown_time_is_aged_from_receipt_and_in_a_backlog_it_is_late(
    kind: str, since: timedelta, backlog: bool, age: str
) -> None:
    clocked = Clocked(measured_at=NOW - since, basis="received", ahead=False)
    assert quality.age(kind, clocked, NOW, backlog) == age


@pytest.mark.parametrize("told", [None, datetime(1970, 1, 1, tzinfo=UTC), NOW + 3 * HOUR, NOW + 3 * DAY])
def test_a_wrong_clock_does_not_silence_a_live_crisis(told: datetime | None) -> None:
    assert quality.age("glucose", quality.clock(reading(at=told), NEW_YORK, NOW), NOW, backlog=False) == "live"


@pytest.mark.parametrize(
    ("values", "implausible"),
    [
        ({"systolic_mmhg": "300", "diastolic_mmhg": "200"}, False),
        ({"systolic_mmhg": "300.1", "diastolic_mmhg": "100"}, True),
        ({"systolic_mmhg": "50", "diastolic_mmhg": "20"}, False),
        ({"systolic_mmhg": "49", "diastolic_mmhg": "20"}, True),
        ({"systolic_mmhg": "80", "diastolic_mmhg": "80"}, True),
        ({"glucose_mgdl": "10"}, False),
        ({"glucose_mgdl": "9"}, True),
        ({"glucose_mgdl": "700"}, False),
        ({"weight_kg": "1.9"}, True),
        ({"spo2_pct": "101"}, True),
        ({"temperature_c": "44"}, False),
        ({"temperature_c": "98.6"}, True),
        ({}, False),
    ],
)
def test_plausibility_at_each_boundary(values: dict[str, str], implausible: bool) -> None:
    assert quality.implausible(reading(**values)) is implausible


def numbers(values: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


USUAL = numbers({
    "systolic_mmhg": "130", "diastolic_mmhg": "80", "pulse_bpm": "70", "glucose_mgdl": "120", "weight_kg": "82",
    "spo2_pct": "96", "temperature_c": "36.6",
})  # fmt: skip


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        # lb taken as kg, and kg taken as lb
        ({"weight_kg": "180"}, True),
        ({"weight_kg": "37.19"}, True),
        ({"weight_kg": "216"}, True),
        ({"weight_kg": "218"}, False),  # 98.9 kg is not near any more
        ({"weight_kg": "102.5"}, False),  # not far
        ({"weight_kg": "110"}, False),
        ({"weight_kg": "82"}, False),
        # mmol/L taken as mg/dL
        ({"glucose_mgdl": "12"}, True),
        ({"glucose_mgdl": "19.9"}, True),
        ({"glucose_mgdl": "20"}, False),  # 360 mg/dL is three times the usual: a low it is
        ({"glucose_mgdl": "29"}, False),
        ({"glucose_mgdl": "600"}, False),
        # one plausible unit each
        ({"systolic_mmhg": "210", "diastolic_mmhg": "140", "pulse_bpm": "150"}, False),
        ({"spo2_pct": "70"}, False),
        ({"temperature_c": "41"}, False),
        ({}, False),
    ],
)
def test_a_number_near_the_usual_in_another_unit_is_in_doubt(values: dict[str, str], doubt: bool) -> None:
    assert quality.unit_doubt(numbers(values), USUAL) is doubt


def test_what_is_in_doubt_is_judged_in_both_units() -> None:
    doubtful = reading(kind="weight", weight_kg="180")
    assert [dict(one) for one in meanings(doubtful)] == [numbers({"weight_kg": "180"}), numbers({"weight_kg": "81.65"})]
    doubtful = reading(kind="glucose", glucose_mgdl="12")
    assert [dict(one) for one in meanings(doubtful)] == [
        numbers({"glucose_mgdl": "12"}),
        numbers({"glucose_mgdl": "216.2"}),
    ]


@given(
    st.sampled_from(["weight_kg", "glucose_mgdl"]), st.decimals("0.1", "800", places=2), st.decimals("5", "400", places=1)
)  # fmt: skip
def test_doubt_never_takes_away_what_was_sent_nor_what_is_near_the_usual(
    column: str, sent: Decimal, usual: Decimal
) -> None:
    doubtful = DecodedReading(kind="x", values={column: sent})
    judged = meanings(doubtful, {column: usual})
    if quality.unit_doubt(doubtful.values, {column: usual}) and not quality.implausible(doubtful):
        assert doubtful.values in judged
        nearest = min(max(one[column] / usual, usual / one[column]) for one in judged)
        assert nearest <= quality.SPREADS[column].near


@pytest.mark.parametrize("column", sorted(quality.SPREADS))
@given(data=st.data())
def test_who_reads_as_usual_is_neither_in_doubt_nor_an_outlier(column: str, data: st.DataObject) -> None:
    metric = BY_COLUMN[column]
    usual = data.draw(st.decimals(metric.low, metric.high, places=1))
    near = quality.SPREADS[column].near
    value = data.draw(st.decimals(usual / near, usual * near, places=3))
    assert not quality.unit_doubt({column: value}, {column: usual})
    assert not quality.outlying({column: value}, {column: usual})


def test_every_number_has_a_spread_and_what_is_near_in_another_unit_is_always_far_as_sent() -> None:
    assert set(quality.SPREADS) == set(COLUMNS)
    for factor, spread in (
        (Decimal("2.2046"), quality.SPREADS["weight_kg"]),
        (Decimal(18), quality.SPREADS["glucose_mgdl"]),
    ):
        assert factor / spread.near > spread.far


@pytest.mark.parametrize(
    ("values", "outlying"),
    [
        ({"systolic_mmhg": "208", "diastolic_mmhg": "80"}, False),
        ({"systolic_mmhg": "209", "diastolic_mmhg": "80"}, True),
        ({"systolic_mmhg": "81", "diastolic_mmhg": "60"}, True),
        ({"weight_kg": "62"}, True),  # somebody else on the scale
        ({"weight_kg": "180"}, False),  # a unit explains it
        ({"glucose_mgdl": "29"}, True),
        ({"glucose_mgdl": "45"}, False),
        ({"pulse_bpm": "34"}, True),
        ({"spo2_pct": "82"}, True),
        ({"temperature_c": "39.5"}, False),
        ({}, False),
    ],
)
def test_far_from_the_usual_and_no_unit_explains_it(values: dict[str, str], outlying: bool) -> None:
    assert quality.outlying(numbers(values), USUAL) is outlying


def test_without_a_baseline_nothing_is_doubted() -> None:
    assert not quality.unit_doubt(numbers({"weight_kg": "180"}), {})
    assert not quality.outlying(numbers({"weight_kg": "180"}), {"glucose_mgdl": Decimal(100)})


# What the decoders of each format do with what is no measurement, and with what the device noticed.

LOINC, MDC = "http://loinc.org", "urn:iso:std:iso:11073:10101"


def native(kind: str = "blood_pressure", **more: Any) -> Any:
    return {"kind": kind, **({"systolic": 130, "diastolic": 80} if kind == "blood_pressure" else {}), **more}


def gatt(characteristic: str, value: str) -> Any:
    return {"characteristic": characteristic, "value": value}


def fhir(system: str, code: str, **more: Any) -> Any:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        **more,
    }


def fhir_pressure(systolic: int) -> Any:
    part = lambda code, value: {  # noqa: E731
        "code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}
    }  # fmt: skip
    return fhir(LOINC, "85354-9", component=[part("8480-6", systolic), part("8462-4", 80)])


def open_mhealth(systolic: int) -> Any:
    schema = {"namespace": "omh", "name": "blood-pressure", "version": "4.0"}
    at = "2026-03-02T12:42:11Z"
    pressure = lambda value: {"value": value, "unit": "mmHg"}  # noqa: E731
    return {
        "header": {"id": "a", "creation_date_time": at, "schema_id": schema},
        "body": {"systolic_blood_pressure": pressure(systolic), "diastolic_blood_pressure": pressure(80),
                 "effective_time_frame": {"date_time": at}},
    }  # fmt: skip


def senml(systolic: int) -> Any:
    return [{"bn": "a:", "n": "systolic", "u": "mm[Hg]", "v": systolic}, {"n": "diastolic", "u": "mm[Hg]", "v": 80}]


def withings(systolic: int) -> Any:
    measures = [{"value": 80, "type": 9, "unit": 0}, {"value": systolic, "type": 10, "unit": 0}]
    group = {"grpid": 1, "attrib": 0, "date": 1772455330, "category": 1, "deviceid": "a", "measures": measures}
    return {"status": 0, "body": {"measuregrps": [group]}}


def tenovi(systolic: int) -> Any:
    return {
        "metric": "blood_pressure", "hwi_device_id": "a", "value_1": systolic, "value_2": 80,
        "timestamp": "2026-03-02T12:42:10Z",
    }  # fmt: skip


def gateways(systolic: int) -> Any:
    found = {"scan_time": 1772455330, "ble_addr": "0200000000a1", "bp_high": systolic, "bp_low": 80}
    data = {"attribute": "BP", "mac": "02:00:00:00:00:01", "value": {"device_list": [found]}}
    return {"type": "reportAttribute", "time": 1772455330, "data": data}


def smart_meter(kind: str, **more: Any) -> Any:
    return {"reading_type": kind, "device_id": "350001", **more}


@pytest.mark.parametrize(
    ("format_name", "payload", "reason"),
    [
        # 2047 is SFLOAT's "not a number": the cuff could not measure
        ("native", native(systolic=2047), "failed_measurement"),
        ("gatt", gatt("2A35", "00ff07ff070000"), "failed_measurement"),
        ("fhir", fhir_pressure(2047), "failed_measurement"),
        ("fhir", fhir(MDC, "150456", dataAbsentReason={"coding": [{"code": "not-a-number"}]}), "failed_measurement"),
        ("open_mhealth", open_mhealth(2047), "failed_measurement"),
        ("senml", senml(2047), "failed_measurement"),
        ("withings", withings(2047), "failed_measurement"),
        ("tenovi", tenovi(2047), "failed_measurement"),
        ("gateways", gateways(2047), "failed_measurement"),
        ("smart_meter", smart_meter("blood_pressure", systolic_mmhg=2047, diastolic_mmhg=80), "failed_measurement"),
        ("gatt", gatt("2A9D", "00ffff"), "failed_measurement"),  # the scale
        ("gatt", gatt("2A5E", "00ff07ff07"), "failed_measurement"),  # the oximeter
        ("gatt", gatt("2A1C", "00ffff7f00"), "failed_measurement"),  # the thermometer
        # a control solution is no patient
        ("gatt", gatt("2A18", "0201 00 ea070302082a00 6eb0 4a".replace(" ", "")), "control_solution"),
        ("fhir", fhir(MDC, "160208", valueQuantity={"value": 110, "code": "mg/dL"}), "control_solution"),
        ("smart_meter", smart_meter("blood_glucose", blood_glucose_mgdl=105, control_solution=True), "control_solution"),
        # a demonstration is none either
        ("fhir", fhir(MDC, "150456", valueQuantity={"value": 97, "code": "%"},
                      interpretation=[{"coding": [{"code": "demo-data"}]}]), "test_data"),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_refused_in_every_format(format_name: str, payload: Any, reason: str) -> None:
    decoded = [entry.decoded for entry in formats.decode(json.dumps(payload).encode(), format_name)]
    assert [one.reason for one in decoded if isinstance(one, Refused)] == [reason] * len(decoded)
    assert decoded


@pytest.mark.parametrize(
    ("format_name", "payload", "flags"),
    [
        ("native", native(flags=["movement", "cuff_loose", "irregular_pulse"]), ("movement", "cuff_loose", "irregular_pulse")),
        ("gatt", gatt("2A35", "10 7800 5000 5d00 0100".replace(" ", "")), ("movement",)),
        ("gatt", gatt("2A35", "10 7800 5000 5d00 0200".replace(" ", "")), ("cuff_loose",)),
        ("gatt", gatt("2A35", "10 7800 5000 5d00 2700".replace(" ", "")), ("movement", "cuff_loose", "irregular_pulse", "position")),
        ("gatt", gatt("2A5E", "02 6100 4800 0040".replace(" ", "")), ("questionable",)),
        ("gatt", gatt("2A5E", "04 6100 4800 400000".replace(" ", "")), ("movement",)),
        ("fhir", fhir(MDC, "150456", valueQuantity={"value": 97, "code": "%"},
                      interpretation=[{"coding": [{"code": "questionable"}]}]), ("questionable",)),
    ],
)  # fmt: skip
def test_what_the_device_noticed_is_kept_with_the_reading(
    format_name: str, payload: Any, flags: tuple[str, ...]
) -> None:
    [entry] = formats.decode(json.dumps(payload).encode(), format_name)
    assert isinstance(entry.decoded, DecodedReading)
    assert entry.decoded.flags == flags
    assert not quality.implausible(entry.decoded)


@pytest.mark.parametrize(
    ("format_name", "payload", "side"),
    [
        ("native", native("glucose", glucose="HI"), "above"),
        ("native", native("glucose", glucose="LO"), "below"),
        ("gatt", gatt("2A18", "02 0100 ea070302082a00 fe07 11".replace(" ", "")), "above"),
        ("gatt", gatt("2A18", "02 0100 ea070302082a00 0208 11".replace(" ", "")), "below"),
        ("fhir", fhir(LOINC, "2339-0", valueQuantity={"value": 600, "comparator": ">", "code": "mg/dL"}), "above"),
        ("fhir", fhir(LOINC, "2339-0", valueQuantity={"value": 20, "comparator": "<", "code": "mg/dL"}), "below"),
        ("smart_meter", smart_meter("blood_glucose", blood_glucose_mgdl="HI"), "above"),
        ("smart_meter", smart_meter("blood_glucose", blood_glucose_mgdl="LO"), "below"),
    ],
)
def test_hi_and_lo_are_readings_without_a_number_and_never_in_doubt(format_name: str, payload: Any, side: str) -> None:
    [entry] = formats.decode(json.dumps(payload).encode(), format_name)
    assert isinstance(entry.decoded, DecodedReading)
    assert (entry.decoded.out_of_range, entry.decoded.values) == (side, {})
    assert not quality.implausible(entry.decoded)
    assert not quality.unit_doubt(entry.decoded.values, USUAL)


def loan(since: int | None, until: int | None, slot: int | None = None) -> Loan:
    at = lambda day: None if day is None else NOW + timedelta(days=day)  # noqa: E731
    return Loan(
        device_id="d",
        patient_id=uuid7(),
        zone="UTC",
        user_slot=slot,
        lent_from=at(since),
        lent_to=at(until),
    )


def test_a_reading_belongs_to_whoever_had_the_device_then() -> None:
    first, second = loan(-10, -5), loan(-5, None)
    find = lambda day, slot=None: registry.attribute([first, second], NOW + timedelta(days=day), slot)  # noqa: E731
    assert (find(-11), find(-10), find(-5), find(0), find(0, 2)) == (None, first, second, second, second)


def test_a_shared_cuff_gives_each_slot_to_its_own_and_doubt_to_nobody() -> None:
    maria, jose = loan(-5, None, 1), loan(-5, None, 2)
    find = lambda slot: registry.attribute([maria, jose], NOW, slot)  # noqa: E731
    assert (find(1), find(2), find(3), find(None)) == (maria, jose, None, None)
