"""On the roster's page: a team is put on a clinic's clock, and what is typed and shown there is meant on it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import uncovered
from tests.flows.clinic import WORKER, Clinic
from tests.flows.test_reading import count
from tests.web.conftest import Client
from tests.web.test_roster import DAY, clinic, coordinator, look, next_monday, post
from tests.world import World

__all__ = ["clinic", "coordinator"]
CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture
async def northside(owner: Any, clinic: Clinic) -> str:
    """The id of a clinic an hour behind its organization."""
    made = await owner.fetchval(
        "INSERT INTO clinic VALUES (gen_random_uuid(), $1, 'Northside', $2) RETURNING id",
        clinic.world.organization, CHICAGO.key,
    )  # fmt: skip
    return str(made)


async def test_a_team_is_put_on_a_clinics_clock_and_taken_off_again(
    coordinator: Client, clinic: Clinic, owner: Any, northside: str
) -> None:
    assert "Times are in America/New_York, the clock of Aspen" in await look(coordinator)
    assert (await post(coordinator, clinic, "/clock", clock_of=northside)).status_code == 303
    assert "Times are in America/Chicago, the clock of Northside" in await look(coordinator)
    monday = next_monday()
    await post(coordinator, clinic, "/shifts", staff=clinic.backup, day=monday, **{"from": "07:00", "to": "19:00"})
    seven = datetime(*monday.timetuple()[:3], 7, tzinfo=CHICAGO)
    assert await owner.fetchval("SELECT starts_at FROM shift ORDER BY id DESC LIMIT 1") == seven
    assert "07:00–19:00" in await look(coordinator)
    away = {"first": monday, "last": monday, "away_from": "10:00", "away_to": "12:00"}
    await post(coordinator, clinic, "/time-off", away_staff=clinic.backup, **away)
    assert await owner.fetchval("SELECT starts_at FROM time_off") == seven + timedelta(hours=3)
    assert (await post(coordinator, clinic, "/clock", clock_of="")).status_code == 303
    assert "08:00–20:00" in await look(coordinator)
    assert (await post(coordinator, clinic, "/clock", clock_of="")).status_code == 303
    assert await count(owner, "audit", "action = 'team.clinic'") == 2  # the third changed nothing


async def test_while_weeks_are_published_only_who_says_so_changes_it_and_a_gap_that_arises_is_loud(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database, northside: str
) -> None:
    """Shifts from 08:00 to 17:00 in New York leave the last hour of 08:00 to 17:00 in Chicago to nobody."""
    hours = {f"watched_{n}": "1" for n in range(7)}
    await post(
        coordinator, clinic, "/hours", **hours,
        **{f"{end}_{n}": at for n in range(7) for end, at in (("opens", "08:00"), ("closes", "17:00"))},
    )  # fmt: skip
    for n in range(7):
        at = {"from": "08:00", "to": "17:00"}
        await post(coordinator, clinic, "/shifts", staff=clinic.backup, day=next_monday() + n * DAY, **at)
    assert (await post(coordinator, clinic, "/publish")).status_code == 303
    now = datetime(*next_monday().timetuple()[:3], 8, tzinfo=CHICAGO)
    assert await uncovered.watch(worker_db, WORKER, now) == 0
    assert "judged anew on the new clock" in await look(coordinator)
    refused = await post(coordinator, clinic, "/clock", clock_of=northside)
    assert refused.status_code == 422
    assert "Tick that you know" in refused.text
    assert await owner.fetchval("SELECT count(*) FROM team WHERE clinic_id IS NOT NULL") == 0
    assert (await post(coordinator, clinic, "/clock", clock_of=northside, sure="1")).status_code == 303
    assert await uncovered.watch(worker_db, WORKER, now) == 1
    says = await owner.fetchval("SELECT says FROM alarm WHERE kind = 'roster_gap'")
    assert f"nobody is on shift {next_monday():%a %b} {next_monday().day}, 16:00 to" in says


async def test_another_organizations_clinic_or_team_is_not_there(
    coordinator: Client, clinic: Clinic, owner: Any, other_world: World
) -> None:
    assert (await post(coordinator, clinic, "/clock", clock_of=other_world.clinic)).status_code == 404
    assert (await post(coordinator, clinic, "/clock", team=other_world.team, clock_of="")).status_code == 404
    assert await owner.fetchval("SELECT count(*) FROM team WHERE clinic_id IS NOT NULL") == 0
