"""What the database refuses of a snooze, whoever writes it and whatever the code above forgot."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.monitoring import snoozes
from tests.flows.clinic import open_alert
from tests.flows.test_reading import NOW
from tests.world import World

HOUR = timedelta(hours=1)
WRITE = """
    INSERT INTO snooze (id, organization_id, patient_id, alert_id, severity, staff_id, reason, note, starts_at, ends_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


async def write(
    web_db: Database, world: World, alert: uuid.UUID, severity: str = "medium", ends: datetime = NOW + HOUR,
    reason: str = "measure_again", note: str = "",
) -> None:  # fmt: skip
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    async with web_db.transaction(who) as db:
        await db.execute(
            WRITE, uuid7(), world.organization, world.patient, alert, severity, world.nurse, reason, note, NOW, ends
        )


async def test_a_high_alert_is_refused_under_its_own_name_and_under_a_false_one(
    world: World, owner: Any, web_db: Database
) -> None:
    high = await open_alert(owner, world, NOW)
    with pytest.raises(asyncpg.CheckViolationError):
        await write(web_db, world, high, "high")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await write(web_db, world, high, "medium")
    assert await owner.fetchval("SELECT count(*) FROM snooze") == 0


@pytest.mark.parametrize(("hours", "allowed"), [(0, False), (1, True), (72, True), (72.001, False)])
async def test_it_lasts_up_to_72_hours(world: World, owner: Any, web_db: Database, hours: float, allowed: bool) -> None:
    alert = await open_alert(owner, world, NOW, "medium")
    if allowed:
        await write(web_db, world, alert, ends=NOW + hours * HOUR)
    else:
        with pytest.raises(asyncpg.CheckViolationError):
            await write(web_db, world, alert, ends=NOW + hours * HOUR)


async def test_something_else_says_what_and_one_stands_at_a_time(world: World, owner: Any, web_db: Database) -> None:
    alert = await open_alert(owner, world, NOW, "medium")
    with pytest.raises(asyncpg.CheckViolationError):
        await write(web_db, world, alert, reason="other")
    await write(web_db, world, alert, reason="other", note="on holiday with the family")
    with pytest.raises(asyncpg.UniqueViolationError):
        await write(web_db, world, alert)


async def test_a_patient_learns_nothing_of_it(world: World, owner: Any, web_db: Database) -> None:
    alert = await open_alert(owner, world, NOW, "medium")
    await write(web_db, world, alert)
    who = Who(principal=f"patient:{world.patient}", organization=world.organization, patient=world.patient)
    async with web_db.transaction(who) as db:
        assert await db.fetch("SELECT * FROM snooze") == []


async def test_the_list_says_who_why_and_until_when_and_what_ended_the_others(
    world: World, owner: Any, web_db: Database
) -> None:
    standing = await open_alert(owner, world, NOW, "medium")
    over = await open_alert(owner, world, NOW, "low", "bp_low")
    await write(web_db, world, standing, ends=NOW + 9 * HOUR)
    await write(web_db, world, over, "low", ends=NOW + HOUR)
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    async with web_db.transaction(who) as db:
        first, second = await snoozes.listed(db, NOW + 2 * HOUR)
        assert (first.alert_id, first.owner, first.ended_at) == (standing, "Nurse Aspen", None)
        assert (second.alert_id, second.ended_at, second.ended_why) == (over, NOW + HOUR, "expired")
        await snoozes.wake(db, world.patient, standing, world.nurse, NOW + 3 * HOUR)
        last = (await snoozes.listed(db, NOW + 4 * HOUR))[-1]
    assert (last.alert_id, last.ended_why, last.ended_by) == (standing, "woken", "Nurse Aspen")
