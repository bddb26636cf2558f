"""Which hours nobody has: on the team's clock, over its changes, and cut to the minute."""

from datetime import UTC, date, datetime, timedelta

import pytest

from server.people import coverage
from server.people.coverage import Hours, required, says, week_of, without

ZONE = "America/New_York"
MONDAY = date(2026, 11, 23)
HOUR = timedelta(hours=1)
T = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday's midnight in New York


def span(first: float, last: float) -> coverage.Span:
    return T + first * HOUR, T + last * HOUR


@pytest.mark.parametrize(
    ("spans", "holes", "left"),
    [
        ([(0, 8)], [], [(0, 8)]),
        ([(0, 8)], [(0, 8)], []),
        ([(0, 8)], [(-1, 9)], []),
        ([(0, 8)], [(2, 3)], [(0, 2), (3, 8)]),
        ([(0, 8)], [(0, 2), (2, 4)], [(4, 8)]),
        ([(0, 8)], [(-5, 1), (7, 12)], [(1, 7)]),
        ([(0, 8)], [(8, 9), (-3, 0)], [(0, 8)]),
        ([(0, 8), (8, 16)], [(4, 4.5)], [(0, 4), (4.5, 16)]),
        ([(0, 8), (10, 12)], [(7, 11)], [(0, 7), (11, 12)]),
    ],
)
def test_what_is_left_is_exact(
    spans: list[tuple[float, float]], holes: list[tuple[float, float]], left: list[tuple[float, float]]
) -> None:
    assert without([span(*one) for one in spans], [span(*one) for one in holes]) == [span(*one) for one in left]


@pytest.mark.parametrize(("monday", "hours"), [("2026-11-23", 168), ("2026-10-26", 169), ("2026-03-02", 167)])
def test_a_team_that_declared_nothing_is_watched_round_the_clock(monday: str, hours: int) -> None:
    (whole,) = required([], date.fromisoformat(monday), ZONE)
    assert whole[1] - whole[0] == hours * HOUR


def test_declared_hours_are_those_of_the_wall_clock_and_a_day_may_be_left_out() -> None:
    days = [Hours(weekday=n, opens_minute=8 * 60, closes_minute=17 * 60 if n < 5 else 8 * 60) for n in range(7)]
    spans = required(days, MONDAY, ZONE)
    assert len(spans) == 5
    assert spans[0] == span(8, 17)


def test_whole_days_join_into_one() -> None:
    days = [Hours(weekday=n, opens_minute=0, closes_minute=1440) for n in range(7)]
    assert required(days, MONDAY, ZONE) == [week_of(MONDAY, ZONE)]


def test_hours_are_said_on_the_teams_clock() -> None:
    assert says([span(22, 30)], ZONE) == "Mon Nov 23, 22:00 to Tue Nov 24, 06:00"
