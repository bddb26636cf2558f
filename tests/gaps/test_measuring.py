"""Measured as planned: windows kept of those expected, on the patient's clock, in step with what is told as missed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.gaps import measuring
from server.monitoring import schedule
from server.monitoring.schedule import Expected
from tests.flows.test_resolve_held import person_of
from tests.web.people import reading
from tests.world import World

ZONE = ZoneInfo("America/New_York")
TWICE = [Expected(opens=360, closes=600), Expected(opens=1080, closes=1320)]
NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)  # Friday noon in New York
DAY = timedelta(days=1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def judged(first: int, *times: datetime) -> measuring.Kept:
    windows = schedule.windows(TWICE, ZONE, date(2026, 11, first), date(2026, 11, 20))
    return measuring.judge("Hypertension", "blood_pressure", windows, sorted(times), ZONE, NOW)


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([], 0),
        ([at(19, 7), at(19, 20), at(20, 7)], 3),
        ([at(19, 7), at(19, 8), at(19, 9)], 1),  # three in one window are one
        ([at(19, 12)], 1),  # between two windows: it is the next one's
        ([at(19, 23)], 1),  # after the last of the day: the next morning's
        ([at(20, 11, 30)], 1),  # this evening's, already
    ],
)
def test_a_measurement_keeps_the_first_window_that_closes_after_it(times: list[datetime], kept: int) -> None:
    found = judged(19, *times)
    assert found.kept == kept
    assert found.expected == (4 if at(20, 11, 30) in times else 3)  # this evening's window is not over


def test_the_weeks_begin_on_monday_and_days_without_windows_expect_nothing() -> None:
    found = judged(18, at(18, 7), at(20, 7))
    days = [day for week in found.weeks for day in week]
    assert (len(days), days[0].day, days[0].day.weekday()) == (28, date(2026, 10, 26), 0)
    assert {day.day.day: (day.kept, day.expected) for day in days if day.expected} == {
        18: (1, 2),
        19: (0, 2),
        20: (1, 1),
    }
    assert (found.kept, found.expected, found.percent) == (2, 5, 40)
    assert judged(21).percent is None


def test_an_hour_that_comes_twice_is_one_window() -> None:
    windows = schedule.windows([Expected(opens=30, closes=150)], ZONE, date(2026, 10, 31), date(2026, 11, 2))
    twice = [datetime(2026, 11, 1, 1, 30, tzinfo=ZONE, fold=fold) for fold in (0, 1)]
    found = measuring.judge("x", "weight", windows, twice, ZONE, NOW)
    assert (found.kept, found.expected) == (1, 3)


async def test_of_a_patient_each_programme_and_vital_since_they_could_measure(
    web_db: Database, owner: Any, world: World
) -> None:
    now = datetime.now(UTC)
    version = uuid7()
    await owner.execute(
        """INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author, valid_from)
           VALUES ($1, $2, $3, 1, 'test', 'test', 'test', $4)""",
        version, world.organization, world.programme, now - 60 * DAY,
    )  # fmt: skip
    for vital in ("blood_pressure", "weight"):  # the patient has no scale
        await owner.execute(
            "INSERT INTO expected_measurement VALUES ($1, $2, $3, '00:00', '24:00')", version, world.organization, vital
        )
    await owner.execute("UPDATE enrolment SET valid_from = $1", now - 10 * DAY)
    for days in (1, 2, 2, 5, 40):
        await reading(owner, world, 120, 80, now - days * DAY)
    async with web_db.transaction(person_of(world).who) as db:
        pressure, weighed = await measuring.of_patient(db, world.patient, now)
    assert (pressure.programme, pressure.vital, pressure.kept) == ("Hypertension", "blood_pressure", 3)
    assert pressure.expected in (9, 10)
    assert (weighed.vital, weighed.expected, weighed.percent) == ("weight", 0, None)
