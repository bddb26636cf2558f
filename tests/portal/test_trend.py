"""Averages say on how many readings they stand, or that there are too few."""

from datetime import timedelta

from server.monitoring.series import Reading
from server.monitoring.targets import defaults
from server.monitoring.trend import weeks
from tests.portal.test_today import DAY, NEW_YORK, NOW, pressure, reading

TODAY = NOW.astimezone(NEW_YORK).date()


def days_of(*days: int, systolic: float = 134) -> list[Reading]:
    return [pressure(systolic, 84, 5 + day * DAY) for day in days]


def test_a_week_is_seven_local_days_with_today() -> None:
    found = weeks("blood_pressure", days_of(0, 3, 6) + days_of(7, 9, 13, 14, systolic=138), defaults(), TODAY)
    assert found.this.values == (134, 84)
    assert (found.last.count, found.last.values) == (3, (138, 84))


def test_three_readings_on_two_days_are_not_enough() -> None:
    found = weeks("blood_pressure", [*days_of(0, 1), pressure(150, 90, 30)], defaults(), TODAY)
    assert (found.this.count, found.this.days, found.this.values) == (3, 2, None)
    assert (found.last.count, found.last.values) == (0, None)


def test_hi_and_lo_are_counted_beside_the_average() -> None:
    rows = [reading("glucose", 5 + day * DAY, glucose_mgdl=100.0 + day) for day in range(3)]
    found = weeks("glucose", [*rows, reading("glucose", 30, out_of_range="above")], defaults(), TODAY)
    assert (found.this.values, found.this.count, found.this.beyond) == ((101,), 3, 1)


def test_a_day_is_the_patients_day() -> None:
    late = pressure(120, 70)
    assert late.local_date == TODAY
    found = weeks("blood_pressure", [late], defaults(), TODAY - timedelta(days=1))
    assert found.this.count == 0
