"""The US federal holidays as the Office of Personnel Management publishes them, and never one that was not asked for."""

from datetime import date, timedelta

import pytest

from server.people import holidays

# opm.gov, "Federal Holidays", 2026 and 2027 as observed.
PUBLISHED = {
    2026: ["01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25"],
    2027: ["01-01", "01-18", "02-15", "05-31", "06-18", "07-05", "09-06", "10-11", "11-11", "11-25", "12-24"],
}


@pytest.mark.parametrize("year", sorted(PUBLISHED))
def test_they_are_on_the_days_that_are_published(year: int) -> None:
    assert [day.strftime("%m-%d") for day, _ in holidays.federal(year)] == PUBLISHED[year]


@pytest.mark.parametrize("year", range(2020, 2060))
def test_every_year_has_eleven_and_none_on_a_weekend(year: int) -> None:
    days = [day for day, _ in holidays.federal(year)]
    assert len(set(days)) == 11
    assert all(day.weekday() < 5 for day in days)


def test_new_year_may_be_observed_in_the_year_before() -> None:
    assert (date(2027, 12, 31), "New Year's Day") in holidays.coming(date(2027, 6, 1))


@pytest.mark.parametrize("start", [date(2026, 11, 22), date(2028, 2, 29), date(2026, 1, 1)])
def test_a_year_ahead_is_offered_and_nothing_else(start: date) -> None:
    days = [day for day, _ in holidays.coming(start)]
    assert days == sorted(days)
    assert all(start <= day < start + timedelta(days=365) for day in days)
    assert len(days) in {11, 12}
