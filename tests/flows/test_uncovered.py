"""A gap of the roster is one alarm that says when, not how long still; resolved it rests a while; a stand-in must answer."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import uncovered
from tests.flows.clinic import WORKER, Clinic, make_clinic, tick
from tests.flows.test_reading import count
from tests.world import World

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 11, 23)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of that week; day 0 is Monday."""
    return datetime.combine(MONDAY + timedelta(days=day), time(hour, minute), ZONE).astimezone(UTC)


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    """Its week is published and has a gap, Wednesday from 07:00 to 22:00; the charge nurse is the stand-in."""
    made = await make_clinic(owner, world)
    await owner.execute("UPDATE team SET fallback_id = $1", made.charge)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", at(-20, 0), at(20, 0))
    await owner.execute(
        "INSERT INTO time_off (id, organization_id, staff_id, starts_at, ends_at)"
        " VALUES (gen_random_uuid(), $1, $2, $3, $4)",
        world.organization, world.nurse, at(2, 7), at(2, 22),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO roster_week SELECT id, $1, organization_id, now(), $2 FROM team", MONDAY, made.admin
    )
    return made


async def watch(worker_db: Database, now: datetime) -> int:
    return await uncovered.watch(worker_db, WORKER, now)


async def test_what_it_says_stays_from_hours_before_a_gap_to_its_end(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    said = set()
    for now in (at(2, 0), at(2, 6), at(2, 9, 1), at(2, 9, 2), at(2, 21, 59)):
        assert await watch(worker_db, now) == 1
        said.add(await owner.fetchval("SELECT says FROM alarm WHERE kind = 'roster_gap'"))
    (says,) = said
    assert "nobody is on shift Wed Nov 25, 07:00 to Wed Nov 25, 22:00" in says
    assert await watch(worker_db, at(2, 22)) == 0


async def resolve(owner: Any, clinic: Clinic, now: datetime) -> None:
    await owner.execute(
        "UPDATE alarm SET status = 'resolved', resolved_by = $1, resolved_at = $2 WHERE status <> 'resolved'",
        clinic.admin, now,
    )  # fmt: skip


async def stand(owner: Any) -> int:
    return await count(owner, "alarm", "status = 'open'")


async def test_a_gap_that_staff_resolved_rests_four_hours_and_no_longer(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await watch(worker_db, at(2, 8))
    await tick(worker_db, at(2, 8))
    await resolve(owner, clinic, at(2, 8))
    for now in (at(2, 8, 1), at(2, 11, 59)):
        assert await watch(worker_db, now) == 1
        assert await stand(owner) == 0
    await watch(worker_db, at(2, 12))
    assert await stand(owner) == 1
    await tick(worker_db, at(2, 12))
    assert await count(owner, "message", "purpose = 'page'") == 2


async def test_another_gap_or_one_that_is_near_now_does_not_rest(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await watch(worker_db, at(2, 4))
    await resolve(owner, clinic, at(2, 4))
    await watch(worker_db, at(2, 4, 59))
    assert await stand(owner) == 0
    await watch(worker_db, at(2, 5))
    assert await owner.fetchval("SELECT severity FROM alarm WHERE status = 'open'") == "high"
    await resolve(owner, clinic, at(2, 5))
    await owner.execute("UPDATE time_off SET ends_at = ends_at + interval '1 hour'")
    await watch(worker_db, at(2, 5, 1))
    assert "Wed Nov 25, 23:00" in await owner.fetchval("SELECT says FROM alarm WHERE status = 'open'")


async def test_a_gap_that_closed_by_itself_and_came_again_does_not_rest(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await watch(worker_db, at(2, 8))
    await owner.execute("UPDATE time_off SET cancelled_at = now()")
    await watch(worker_db, at(2, 8, 1))
    assert await stand(owner) == 0
    await owner.execute("UPDATE time_off SET cancelled_at = NULL")
    await watch(worker_db, at(2, 8, 2))
    assert await stand(owner) == 1


NO_STAND_IN = "SELECT severity, status, says FROM alarm WHERE kind = 'no_stand_in' ORDER BY id DESC LIMIT 1"
LEAVES = "UPDATE staff SET disabled_at = now() WHERE id = $1"
LOSES = "UPDATE staff SET phone = NULL WHERE id = $1"


@pytest.mark.parametrize(("how", "why"), [(LEAVES, "works here no more"), (LOSES, "has no telephone")])
async def test_a_stand_in_who_cannot_be_paged_any_more_is_a_high_alarm_until_another_is_named(
    clinic: Clinic, owner: Any, worker_db: Database, how: str, why: str
) -> None:
    now = at(0, 9)
    await watch(worker_db, now)
    assert await owner.fetchrow(NO_STAND_IN) is None
    await owner.execute(how, clinic.charge)
    await watch(worker_db, now + MINUTE)
    await watch(worker_db, now + 2 * MINUTE)
    severity, status, says = await owner.fetchrow(NO_STAND_IN)
    assert (severity, status) == ("high", "open")
    assert f"Day team: the stand-in, Charge, {why}" in says
    await tick(worker_db, now + 2 * MINUTE)
    assert await count(owner, "message", "purpose = 'page'") == 1
    await owner.execute("UPDATE team SET fallback_id = $1", clinic.backup)
    await watch(worker_db, now + 3 * MINUTE)
    assert (await owner.fetchrow(NO_STAND_IN))["status"] == "resolved"
    assert await count(owner, "alarm", "kind = 'no_stand_in'") == 1


@pytest.mark.parametrize(
    ("statement", "alarms"),
    [
        ("UPDATE team SET fallback_id = NULL", 1),  # a published week says that there is one
        ("UPDATE team SET fallback_id = NULL; UPDATE roster_week SET monday = monday - 21", 0),
        ("UPDATE roster_week SET monday = monday - 21", 0),
        ("UPDATE staff SET phone = NULL WHERE name = 'Charge'; UPDATE roster_week SET monday = monday - 21", 1),
        ("UPDATE staff SET phone = NULL WHERE name = 'Backup'", 0),
    ],
)
async def test_which_teams_have_no_stand_in(
    clinic: Clinic, owner: Any, worker_db: Database, statement: str, alarms: int
) -> None:
    await owner.execute(statement)
    await watch(worker_db, at(0, 9))
    assert await count(owner, "alarm", "kind = 'no_stand_in'") == alarms
