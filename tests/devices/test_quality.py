"""What may be believed of a reading: its time, its plausibility, its age."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from devices import quality, registry
from devices.decoded import DecodedReading
from devices.registry import Loan
from server.db.ids import uuid7

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def reading(kind: str = "blood_pressure", at: datetime | None = None, **values: str) -> DecodedReading:
    return DecodedReading(kind=kind, measured_at=at, values={name: Decimal(value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("told", "measured", "basis", "ahead"),
    [
        (NOW - timedelta(hours=2), NOW - timedelta(hours=2), "device", False),
        (None, NOW, "received", False),
        (datetime(1970, 1, 1, 0, 5, tzinfo=UTC), NOW, "received", False),
        (datetime(2000, 1, 1, tzinfo=UTC), NOW, "received", False),
        (datetime(2026, 11, 21, 6, 30), datetime(2026, 11, 21, 11, 30, tzinfo=UTC), "device", False),  # noqa: DTZ001
        (NOW + timedelta(hours=23), NOW + timedelta(hours=23), "device", False),
        (NOW + timedelta(hours=25), NOW + timedelta(hours=25), "device", True),
    ],
)
def test_a_time_is_believed_or_replaced(told: datetime | None, measured: datetime, basis: str, ahead: bool) -> None:
    clocked = quality.clock(reading(at=told), NEW_YORK, NOW)
    assert (clocked.measured_at, clocked.basis, clocked.ahead) == (measured, basis, ahead)


@pytest.mark.parametrize(
    ("kind", "since", "age"),
    [
        ("glucose", timedelta(minutes=-5), "live"),
        ("glucose", timedelta(minutes=30), "live"),
        ("glucose", timedelta(minutes=30, seconds=1), "late"),
        ("glucose", timedelta(hours=24), "late"),
        ("glucose", timedelta(hours=24, seconds=1), "historic"),
        ("weight", timedelta(hours=24), "live"),
        ("weight", timedelta(hours=24, seconds=1), "historic"),
    ],
)
def test_age_at_each_boundary(kind: str, since: timedelta, age: str) -> None:
    assert quality.age(kind, NOW - since, NOW) == age


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


def loan(since: int | None, until: int | None, slot: int | None = None) -> Loan:
    at = lambda day: None if day is None else NOW + timedelta(days=day)  # noqa: E731
    return Loan(
        device_id="d",
        patient_id=uuid7(),
        team_id=uuid7(),
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
