"""A replay knows what the server knew, when it knew it: late readings change facts, and take no alert back."""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from server.db.ids import uuid7
from server.monitoring import replay, schedule
from server.monitoring.episodes import Found
from server.monitoring.findings import older_readings
from server.monitoring.limits import Limit
from server.monitoring.parameters import Average, Flagged, Missing, Parameters, Sustained
from server.monitoring.points import Point
from server.monitoring.replay import Awaited
from server.monitoring.schedule import Expected
from server.monitoring.stored_readings import Reading
from server.monitoring.windows import SeriesRule

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2025, 3, 3)  # the clocks go forward on the Sunday after
ORGANIZATION, PATIENT, RULE = uuid7(), uuid7(), uuid7()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = datetime(2025, 4, 14, tzinfo=ZONE)


def on(day: int, hour: int = 8) -> datetime:
    return datetime(2025, 3, 3, hour, tzinfo=ZONE) + day * DAY  # wall clock


def reading(day: int, systolic: int = 120, late: timedelta = timedelta(), flags: tuple[str, ...] = ()) -> Reading:
    point = Point(
        id=uuid.uuid4(), kind="blood_pressure", values={"systolic_mmhg": Decimal(systolic), "diastolic_mmhg": Decimal(70)},
        measured_at=on(day, 9), local_date=MONDAY + day * DAY, device_id="cuff", flags=flags,
    )  # fmt: skip
    return Reading(
        point=point, organization_id=ORGANIZATION, patient_id=PATIENT, received_at=on(day, 9) + late, zone=ZONE
    )  # fmt: skip


def rule(parameters: Parameters, *levels: int) -> SeriesRule:
    limits = tuple(
        Limit(
            rule_id=RULE, rule_version_id=RULE, vital="blood_pressure", metric="systolic_mmhg", side="at_or_above",
            severity="medium", value=Decimal(level),
        )
        for level in levels
    )  # fmt: skip
    return SeriesRule(
        rule_id=RULE, rule_version_id=RULE, vital="blood_pressure", parameters=parameters, levels=limits
    )  # fmt: skip


def told(found: list[Found]) -> list[tuple[str, datetime]]:
    return sorted((one.anchor, one.at) for one in found)


def run_of_three(*readings: Reading) -> list[Found]:
    return replay.over_series(readings, rule(Sustained(days=3), 160), UNTIL)


def test_a_run_is_known_on_the_morning_after() -> None:
    assert told(run_of_three(reading(4, 170), reading(5, 170), reading(6, 170))) == [("sustained:2025-03-09", on(7))]


def test_a_run_whose_reading_came_late_is_known_when_it_came() -> None:
    found = run_of_three(reading(0, 170), reading(1, 170, 4 * DAY), reading(2, 170))
    assert told(found) == [("sustained:2025-03-05", on(5, 9))]
    [older] = run_of_three(reading(0, 170), reading(1, 170, 10 * DAY), reading(2, 170))
    assert older.filed_under == older_readings(ORGANIZATION)
    assert found[0].filed_under == RULE


def test_a_run_that_a_late_reading_took_back_was_told() -> None:
    """On Wednesday's morning after, nobody knew of the 120 on Tuesday."""
    calm = reading(1, 80, 3 * DAY)
    found = run_of_three(reading(0, 170), reading(1, 170), calm, reading(2, 170))
    assert told(found) == [("sustained:2025-03-05", on(3))]
    in_time = Reading(
        point=calm.point, organization_id=ORGANIZATION, patient_id=PATIENT, received_at=on(2), zone=ZONE
    )  # fmt: skip
    assert run_of_three(reading(0, 170), reading(1, 170), in_time, reading(2, 170)) == []


def test_an_average_is_known_on_monday_morning() -> None:
    average = rule(Average(at_least_readings=3, every_weeks=1), 140)
    assert told(replay.over_series([reading(day, 150) for day in range(4)], average, UNTIL)) == [
        ("average:2025-03-09", on(7))
    ]


def test_a_flag_is_known_with_the_first_reading_that_has_it() -> None:
    first, second = reading(0, flags=("irregular_pulse",)), reading(0, late=HOUR, flags=("irregular_pulse",))
    found = replay.over_series([second, first], rule(Flagged(flag="irregular_pulse")), UNTIL)
    assert told(found) == [("flag:irregular_pulse:2025-03-03", on(0, 9))]


def silent(*readings: Reading, also: tuple[datetime, ...] = (), until: datetime = UNTIL) -> list[Found]:
    expected = [Expected(opens=5 * 60, closes=22 * 60)]
    windows = tuple(schedule.windows(expected, ZONE, MONDAY, MONDAY + 13 * DAY))
    awaited = Awaited(rule=rule(Missing(windows=3)), windows=windows, also=also)
    return replay.missing(readings, awaited, until)


def test_a_silence_is_known_when_its_last_window_counts_as_missed() -> None:
    found = silent(reading(0), reading(5), reading(6), reading(10), reading(13))
    assert told(found) == [
        ("missed:blood_pressure:2025-03-06T05:00", on(4)),
        ("missed:blood_pressure:2025-03-12T05:00", on(10)),
    ]


def test_a_silence_that_a_hub_explained_afterwards_was_told() -> None:
    kept = [reading(day, late=(6 - day) * DAY) for day in range(1, 6)]
    others = [reading(0), *(reading(day) for day in range(6, 14))]
    assert told(silent(*others, *kept)) == [("missed:blood_pressure:2025-03-06T05:00", on(4))]
    assert silent(*others, *(reading(day) for day in range(1, 6))) == []


def test_what_was_typed_breaks_a_silence() -> None:
    others = [reading(0), *(reading(day) for day in range(5, 14))]
    assert silent(*others, also=(on(2, 12),)) == []
    assert len(silent(*others)) == 1


def test_what_came_after_the_end_is_not_known() -> None:
    crossing = Limit(
        rule_id=RULE, rule_version_id=RULE, vital="blood_pressure", metric="systolic_mmhg", side="at_or_above",
        severity="high", value=Decimal(180),
    )  # fmt: skip
    both = [reading(0, 190), reading(1, 190, 5 * DAY)]
    by = replay.RuleSet(limits=(crossing,))
    assert [one.at for one in replay.found(both, by, on(3))] == [on(0, 9)]
    assert [one.filed_under for one in replay.found(both, by, UNTIL)] == [RULE, older_readings(ORGANIZATION)]


@pytest.mark.parametrize(("late", "older"), [(24 * HOUR, False), (24 * HOUR + timedelta(seconds=1), True)])
def test_a_crossing_is_history_after_a_day(late: timedelta, older: bool) -> None:
    crossing = rule(Sustained(days=1), 180).levels
    [one] = replay.crossed([reading(0, 190, late)], crossing)
    assert (one.filed_under != RULE) == older
