"""A proxy who lives elsewhere is written to in the hours of the law there, on their own clock."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications import facts, policy
from notifications.policy import Defer, Send
from server.db.pool import Database
from tests.flows.test_remind import reminders, tick
from tests.outreach.planned import LONG_AGO, rule
from tests.outreach.reaching import point, proxy
from tests.texting import NEW_YORK, NOON, WORKER, Phones, phones, send_all
from tests.world import World

__all__ = ["phones"]
PROXYS = "+12125557009"
MORNING = datetime.combine(NOON.astimezone(NEW_YORK).date(), time(8, 30), NEW_YORK)  # half past five in Los Angeles
THEIR_MORNING = datetime.combine(MORNING.date(), time(8), ZoneInfo("America/Los_Angeles"))


async def hears(owner: Any, world: World, zone: str | None, region: str | None = None) -> None:
    """Only their proxy can be reached; the patient chose hours of their own, long ones."""
    await owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL, region = 'NY'")
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)"
        " VALUES ($1, $2, '05:00', '23:00', 'test', $3)",
        world.patient, world.organization, LONG_AGO,
    )  # fmt: skip
    daughter = await proxy(owner, world, zone, region)
    await point(owner, world, "sms", PROXYS, proxy_id=daughter, topics=["monitoring"])
    await rule(owner, world, "measurement", hour=8, lasts=12)


async def test_half_past_eight_in_new_york_is_night_for_a_proxy_in_los_angeles(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await hears(owner, world, "America/Los_Angeles", "CA")
    await tick(worker_db, MORNING)
    assert await reminders(owner) == [("planned", "quiet_hours")]
    assert await owner.fetchval("SELECT due_at FROM reminder") == THEIR_MORNING
    await tick(worker_db, THEIR_MORNING)
    await send_all(worker_db, phones.gateway(), THEIR_MORNING)
    assert [text.to_number for text in phones.texts()] == [PROXYS]


async def test_a_proxy_who_lives_where_the_patient_does_has_the_patients_hours(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await hears(owner, world, None)
    early = MORNING - timedelta(minutes=15)
    await tick(worker_db, early)
    await send_all(worker_db, phones.gateway(), early)
    assert [text.to_number for text in phones.texts()] == [PROXYS]


@pytest.mark.parametrize("region", ["CA", None])
async def test_the_moment_of_sending_asks_for_the_proxys_hours_again(
    worker_db: Database, phones: Phones, world: World, owner: Any, region: str | None
) -> None:
    await hears(owner, world, "America/Los_Angeles", region)
    await tick(worker_db, MORNING)
    await tick(worker_db, THEIR_MORNING)
    message = await owner.fetchval("SELECT id FROM message")
    async with worker_db.transaction(WORKER) as db:
        known, _ = await facts.of(db, message, "", THEIR_MORNING)
    assert (known.zone, known.reader_zone, known.region) == ("America/New_York", "America/Los_Angeles", region)
    assert policy.decide(known, THEIR_MORNING) == Send()
    assert policy.decide(known, MORNING) == Defer(THEIR_MORNING, "quiet_hours")
