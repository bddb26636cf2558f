"""A team that answers for one clinic works on that clinic's clock, also where the organization's is another."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import after_hours, snooze, try_phones
from server.monitoring import snoozes
from server.people import coverage, holidays
from tests.flows.asking import MINUTE, Scene
from tests.flows.clinic import LASTS, TOLD, WORKER, acknowledge, open_alert, tick
from tests.flows.test_after_hours import NIGHT, Clinic, clinic, crosses
from tests.world import World

__all__ = ["clinic"]
CHICAGO, PHOENIX, ANGELES = "America/Chicago", "America/Phoenix", "America/Los_Angeles"
EAST = ZoneInfo("America/New_York")  # of the organization


async def bind(owner: Any, world: World, zone: str) -> None:
    """The world's clinic lies in that zone, and its team answers for it."""
    await owner.execute("UPDATE clinic SET zone = $1 WHERE id = $2", zone, world.clinic)
    await owner.execute("UPDATE team SET clinic_id = $1 WHERE id = $2", world.clinic, world.team)


@pytest.mark.parametrize(
    ("zone", "sunday", "begins", "lasts"),
    [
        (None, date(2026, 11, 1), 5, 4), (CHICAGO, date(2026, 11, 1), 6, 4), (PHOENIX, date(2026, 11, 1), 8, 3),
        (None, date(2027, 3, 14), 6, 2), (CHICAGO, date(2027, 3, 14), 7, 2), (PHOENIX, date(2027, 3, 14), 8, 3),
    ],
)  # fmt: skip
async def test_monitored_hours_of_the_nights_when_the_clocks_change(
    owner: Any, worker_db: Database, world: World, zone: str | None, sunday: date, begins: int, lasts: int
) -> None:
    """01:00 to 04:00 on the wall: four hours when an hour comes twice, two when one is skipped, three in Arizona."""
    await owner.execute(
        "INSERT INTO monitored_hours SELECT $1, n, 60, CASE n WHEN 6 THEN 240 ELSE 60 END, $2"
        " FROM generate_series(0, 6) AS n",
        world.team, world.organization,
    )  # fmt: skip
    await owner.execute("DELETE FROM shift")
    if zone:
        await bind(owner, world, zone)
    async with worker_db.transaction(WORKER) as db:
        of_team = await coverage.zone_of(db, world.team)
        assert of_team == (zone or EAST.key)
        monday = sunday - timedelta(days=6)
        gaps = await coverage.uncovered(db, world.team, monday, of_team, coverage.week_of(monday, of_team))
    first = datetime(sunday.year, sunday.month, sunday.day, begins, tzinfo=UTC)
    assert gaps == [(first, first + timedelta(hours=lasts))]


@pytest.mark.parametrize(
    ("zone", "closed", "due"),
    [(None, False, 14), (ANGELES, False, 17), (ANGELES, True, 41)], ids=["organization", "clinic", "its holiday"],
)  # fmt: skip
async def test_what_waits_for_a_working_day_waits_for_one_of_the_teams(
    owner: Any, worker_db: Database, world: World, zone: str | None, closed: bool, due: int
) -> None:
    """A low of Tuesday 23:30 in New York is told on Wednesday at nine, on the wall of the team."""
    if zone:
        await bind(owner, world, zone)
    if closed:
        await owner.execute(
            "INSERT INTO holiday (id, organization_id, clinic_id, day, name)"
            " VALUES (gen_random_uuid(), $1, $2, '2026-11-18', 'Founders')",
            world.organization, world.clinic,
        )  # fmt: skip
    opened = datetime(2026, 11, 17, 23, 30, tzinfo=EAST)
    await open_alert(owner, world, opened, severity="low")
    await tick(worker_db, opened)
    expected = datetime(2026, 11, 18, tzinfo=UTC) + timedelta(hours=due)
    assert await owner.fetchval("SELECT due_at FROM escalation") == expected
    await tick(worker_db, expected - MINUTE)
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") == 0
    await tick(worker_db, expected)
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") == 1


async def test_a_clinics_holiday_is_not_that_of_a_team_on_another_clinics_clock(
    owner: Any, worker_db: Database, world: World
) -> None:
    """All its patients are of the clinic that is closed, and it works on the clock of the one that is not."""
    other = await owner.fetchval(
        "INSERT INTO clinic VALUES (gen_random_uuid(), $1, 'West', $2) RETURNING id", world.organization, ANGELES
    )
    day = date(2026, 11, 18)
    await owner.execute(
        "INSERT INTO holiday (id, organization_id, clinic_id, day, name) VALUES (gen_random_uuid(), $1, $2, $3, 'x')",
        world.organization, world.clinic, day,
    )  # fmt: skip
    for bound, found in ((None, {day: False}), (other, {}), (world.clinic, {day: False})):
        await owner.execute("UPDATE team SET clinic_id = $1 WHERE id = $2", bound, world.team)
        async with worker_db.transaction(WORKER) as db:
            assert await holidays.of_teams(db, [world.team], day) == {world.team: found}


async def test_a_patient_is_told_when_the_team_looks_again_on_its_clock(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    """At eight in Los Angeles, which is eleven where the patient lives."""
    await bind(owner, clinic.world, ANGELES)
    await crosses(owner, clinic.world, NIGHT)
    assert await after_hours.tell_patients(worker_db, WORKER, NIGHT + MINUTE) == 1
    assert "again Wednesday at 11:00" in await owner.fetchval("SELECT body FROM message")


@pytest.mark.parametrize(("zone", "tests"), [(None, 1), (ANGELES, 0)])
async def test_a_telephone_is_tried_at_a_decent_hour_of_the_team(
    owner: Any, worker_db: Database, world: World, zone: str | None, tests: int
) -> None:
    """Half past eight in New York is the middle of the night in Los Angeles."""
    await owner.execute("UPDATE team SET test_pages = true WHERE id = $1", world.team)
    if zone:
        await bind(owner, world, zone)
    now = datetime.now(EAST).replace(hour=8, minute=30)
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == tests


async def test_a_page_of_late_readings_says_its_times_on_the_teams_clock(
    owner: Any, world: World, bridge_db: Database, worker_db: Database
) -> None:
    await bind(owner, world, PHOENIX)
    scene = Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))
    await scene.measures(190, ago=90 * MINUTE)
    assert f"arrived {scene.now.astimezone(ZoneInfo(PHOENIX)):%H:%M}" in await owner.fetchval(
        "SELECT body FROM message"
    )


@pytest.mark.parametrize("how", ["snooze", "taken"])
@pytest.mark.parametrize(("zone", "due"), [(None, 14), (ANGELES, 17)], ids=["organization", "clinic"])
async def test_a_low_that_comes_back_at_night_waits_for_the_teams_morning(
    clinic: Clinic, owner: Any, worker_db: Database, how: str, zone: str | None, due: int
) -> None:
    """Laid aside, or taken by somebody who never said what came of it, until 22:00 on Tuesday in New York."""
    if zone:
        await bind(owner, clinic.world, zone)
    opened = NIGHT - timedelta(hours=20)
    alert = await open_alert(owner, clinic.world, opened, severity="low")
    await tick(worker_db, opened)
    begun = snoozes.Begun(
        patient_id=clinic.world.patient, alert_id=alert, staff_id=clinic.world.nurse, reason="device", note="",
        starts_at=NIGHT - timedelta(hours=1), ends_at=NIGHT,
    )  # fmt: skip
    if how == "snooze":
        assert await snoozes.begin(owner, begun)
        assert await snooze.expire(worker_db, WORKER, NIGHT) == 1
    else:
        await acknowledge(owner, alert, clinic.world.nurse, NIGHT - LASTS)
        await tick(worker_db, NIGHT)
        assert await owner.fetchval("SELECT status FROM alert") == "open"
    expected = datetime(2026, 11, 18, due, tzinfo=UTC)
    assert await owner.fetchval("SELECT due_at FROM escalation") == expected
