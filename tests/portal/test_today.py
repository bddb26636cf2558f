"""What a number means, at each boundary of CLINICAL.md."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from server.db.ids import uuid7
from server.monitoring.series import Reading, Vital
from server.monitoring.targets import Limit, Side, Targets, defaults, refine
from server.monitoring.today import Ago, Level, ago, category, say

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def reading(kind: str, minutes_ago: float = 5, **values: Any) -> Reading:
    at = NOW - timedelta(minutes=minutes_ago)
    return Reading(
        id=uuid7(), kind=kind, measured_at=at, local_date=at.astimezone(NEW_YORK).date(),
        **{"device_id": "dev-1", **values},
    )  # fmt: skip


def pressure(systolic: float, diastolic: float, minutes_ago: float = 5) -> Reading:
    return reading("blood_pressure", minutes_ago, systolic_mmhg=systolic, diastolic_mmhg=diastolic)


def level(vital: Vital, one: Reading, targets: Targets | None = None) -> Level:
    said = say(vital, [one], targets or defaults(), NOW)
    assert said is not None
    return said.level


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [
        (119, 79, "good"), (129, 79, "good"), (130, 79, "slightly_high"), (129, 80, "slightly_high"),
        (146, 88, "slightly_high"), (149, 89, "slightly_high"), (150, 79, "high"), (120, 90, "high"),
        (179, 119, "high"), (180, 70, "very_high"), (120, 120, "very_high"), (192, 124, "very_high"),
        (90, 60, "good"), (89, 60, "low"), (85, 50, "low"), (190, 50, "very_high"), (89, 95, "high"),
    ],
)  # fmt: skip
def test_a_blood_pressure_is_told_by_its_worse_number(systolic: float, diastolic: float, expected: Level) -> None:
    assert level("blood_pressure", pressure(systolic, diastolic)) == expected


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [
        (119, 79, "normal"), (120, 79, "elevated"), (129, 79, "elevated"), (119, 80, "stage_1"), (130, 79, "stage_1"),
        (139, 89, "stage_1"), (140, 79, "stage_2"), (118, 90, "stage_2"), (180, 120, "stage_2"), (181, 80, "severe"),
        (130, 121, "severe"),
    ],
)  # fmt: skip
def test_the_higher_category_wins(systolic: float, diastolic: float, expected: str) -> None:
    assert category(systolic, diastolic) == expected


@pytest.mark.parametrize(
    ("glucose", "context", "expected"),
    [
        (53.9, None, "very_low"), (54, None, "low"), (69, None, "low"), (70, None, "good"), (180, None, "good"),
        (181, None, "slightly_high"), (250, None, "slightly_high"), (251, None, "high"), (399, None, "high"),
        (400, None, "very_high"), (79, "fasting", "slightly_low"), (80, "before_meal", "good"), (130, "fasting", "good"),
        (131, "fasting", "slightly_high"), (131, "after_meal", "good"), (69, "fasting", "low"),
    ],
)  # fmt: skip
def test_a_glucose_is_told_by_its_meal(glucose: float, context: str | None, expected: Level) -> None:
    assert level("glucose", reading("glucose", glucose_mgdl=glucose, context=context)) == expected


def test_hi_and_lo_are_emergencies_without_a_number() -> None:
    assert level("glucose", reading("glucose", out_of_range="above")) == "very_high"
    assert level("glucose", reading("glucose", out_of_range="below")) == "very_low"


@pytest.mark.parametrize(("spo2", "expected"), [(92, "very_low"), (93, "low"), (94, "low"), (95, "good"), (99, "good")])
def test_oxygen_without_a_target_of_ones_own(spo2: float, expected: Level) -> None:
    assert level("spo2", reading("spo2", spo2_pct=spo2)) == expected


@pytest.mark.parametrize(("spo2", "expected"), [(87, "very_low"), (88, "good"), (91, "good"), (94, "good")])
def test_a_target_of_ones_own_replaces_the_oxygen_levels(spo2: float, expected: Level) -> None:
    mine = refine(defaults(), [limit("spo2_pct", "below", "high", 88)])
    assert level("spo2", reading("spo2", spo2_pct=spo2), mine) == expected


@pytest.mark.parametrize(
    ("pulse", "expected"),
    [(49, "low"), (50, "slightly_low"), (60, "good"), (100, "good"), (101, "slightly_high"), (120, "slightly_high"), (121, "high")],
)  # fmt: skip
def test_a_pulse(pulse: float, expected: Level) -> None:
    assert level("pulse", reading("pulse", pulse_bpm=pulse)) == expected


@pytest.mark.parametrize(
    ("celsius", "expected"),
    [(34.9, "very_low"), (35, "good"), (37.9, "good"), (38, "high"), (39, "high"), (39.1, "very_high")],
)
def test_a_temperature(celsius: float, expected: Level) -> None:
    assert level("temperature", reading("temperature", temperature_c=celsius)) == expected


def limit(metric: str, side: Side, severity: Any, value: float) -> Limit:
    return Limit(metric=metric, side=side, severity=severity, value=value)


def test_a_limit_of_ones_own_adds_a_severe_level_and_never_removes_one() -> None:
    strict = refine(defaults(), [limit("systolic_mmhg", "at_or_above", "high", 160)])
    loose = refine(defaults(), [limit("systolic_mmhg", "at_or_above", "high", 200)])
    assert level("blood_pressure", pressure(160, 70), strict) == "very_high"
    assert level("blood_pressure", pressure(185, 70), loose) == "very_high"


def test_a_limit_of_ones_own_replaces_the_medium_level() -> None:
    mine = refine(defaults(), [limit("systolic_mmhg", "at_or_above", "medium", 140)])
    assert level("blood_pressure", pressure(142, 70), mine) == "high"
    assert level("blood_pressure", pressure(145, 70)) == "slightly_high"


def test_low_under_the_goal_is_said_without_the_goal() -> None:
    said = say("blood_pressure", [pressure(85, 60)], defaults(), NOW)
    assert said is not None
    assert said.reasons == ("within_goal",)


HEART = msgspec.structs.replace(defaults(), programmes=("heart_failure",))
DAY = 24 * 60


@pytest.mark.parametrize(
    ("before_kg", "days", "now_kg", "reasons"),
    [
        (83.0, 1, 84.35, ()), (83.0, 1, 84.36, ("gain_day",)), (83.0, 2, 84.36, ()),
        (83.0, 7, 85.26, ()), (83.0, 7, 85.27, ("gain_week",)), (83.0, 8, 86.0, ()), (83.0, 1, 86.0, ("gain_day", "gain_week")),
    ],
)  # fmt: skip
def test_fast_weight_gain_in_heart_failure(
    before_kg: float, days: int, now_kg: float, reasons: tuple[str, ...]
) -> None:
    rows = [reading("weight", 5 + days * DAY, weight_kg=before_kg), reading("weight", weight_kg=now_kg)]
    said = say("weight", rows, HEART, NOW)
    assert said is not None
    assert (said.reasons, said.level) == (reasons, "high" if reasons else "good")


def test_another_scale_or_no_heart_failure_is_no_gain() -> None:
    other = [
        reading("weight", DAY, weight_kg=80, device_id="old-scale"),
        reading("weight", weight_kg=85, device_id="new-scale"),
    ]
    same = [reading("weight", DAY, weight_kg=80), reading("weight", weight_kg=85)]
    for rows, targets in ((other, HEART), (same, defaults())):
        said = say("weight", rows, targets, NOW)
        assert said is not None
        assert said.level == "unjudged"


def test_weight_over_an_own_limit_is_high() -> None:
    mine = refine(defaults(), [limit("weight_kg", "above", "medium", 82)])
    assert level("weight", reading("weight", weight_kg=82.1), mine) == "high"
    assert level("weight", reading("weight", weight_kg=82), mine) == "unjudged"


def test_the_newest_reading_is_said_whatever_the_order() -> None:
    rows = [pressure(146, 88, 5), pressure(120, 70, 60)]
    for order in (rows, rows[::-1]):
        said = say("blood_pressure", order, defaults(), NOW)
        assert said is not None
        assert said.reading is rows[0]


def test_no_reading_says_nothing_and_a_pulse_of_the_cuff_counts() -> None:
    cuff = reading("blood_pressure", systolic_mmhg=120.0, diastolic_mmhg=70.0, pulse_bpm=71.0)
    assert say("glucose", [cuff], defaults(), NOW) is None
    assert level("pulse", cuff) == "good"


@pytest.mark.parametrize(("minutes", "fresh"), [(0, True), (60, True), (61, False)])
def test_advice_for_now_is_only_given_within_the_hour(minutes: int, fresh: bool) -> None:
    said = say("glucose", [reading("glucose", minutes, glucose_mgdl=52)], defaults(), NOW)
    assert said is not None
    assert said.fresh is fresh


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ("2026-11-21T09:59:00-05:00", "2026-11-21T10:00:00-05:00", Ago(age="just_now")),
        ("2026-11-21T10:00:30-05:00", "2026-11-21T10:00:00-05:00", Ago(age="just_now")),
        ("2026-11-21T09:58:00-05:00", "2026-11-21T10:00:00-05:00", Ago(age="minutes", count=2)),
        ("2026-11-21T09:00:00-05:00", "2026-11-21T10:00:00-05:00", Ago(age="hours", count=1)),
        ("2026-11-21T00:10:00-05:00", "2026-11-21T22:10:00-05:00", Ago(age="hours", count=22)),
        ("2026-11-20T23:00:00-05:00", "2026-11-21T01:00:00-05:00", Ago(age="hours", count=2)),
        ("2026-11-20T20:00:00-05:00", "2026-11-21T02:00:00-05:00", Ago(age="yesterday")),
        ("2026-11-20T00:10:00-05:00", "2026-11-21T23:50:00-05:00", Ago(age="yesterday")),
        ("2026-11-19T23:50:00-05:00", "2026-11-21T00:10:00-05:00", Ago(age="days", count=2)),
        # The night of the change to winter time: 20 hours by the wall clock, 21 by the sun.
        ("2026-10-31T23:00:00-04:00", "2026-11-01T19:00:00-05:00", Ago(age="yesterday")),
    ],
)  # fmt: skip
def test_how_long_ago_is_told_by_the_patients_own_days(then: str, now: str, expected: Ago) -> None:
    moments = datetime.fromisoformat(then).astimezone(UTC), datetime.fromisoformat(now).astimezone(UTC)
    assert ago(*moments, NEW_YORK) == expected
