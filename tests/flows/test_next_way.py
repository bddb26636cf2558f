"""A reminder that surely did not arrive is tried by the next way in the same slot, once each; never when it may have."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications.gateways import Accepted, Found, Result, Text
from server.db.pool import Database
from server.flows import receipt
from server.flows.receipt import Report
from tests.flows.test_remind import reminders, tick
from tests.outreach.planned import rule
from tests.outreach.reaching import agrees, opts_out, point
from tests.texting import NOON, WORKER, send_all
from tests.world import World

MINUTE = timedelta(minutes=1)
OTHER = "+12125557001"


@pytest.fixture
async def reached(world: World, owner: Any) -> None:
    """By their own number, by text and by call, and by another number's texts."""
    await rule(owner, world, "measurement", hour=12, lasts=6)
    await agrees(owner, world, "voice")
    await point(owner, world, "sms", OTHER)


class Accepts:
    """A provider that takes everything and reports nothing by itself."""

    name, default_sender = "test", ""

    async def send(self, text: Text) -> Result:
        return Accepted(text.attempt.hex)

    async def find(self, to_number: str, body: str, since: datetime, channel: str = "sms") -> list[Found] | None:
        return None


async def goes(worker_db: Database, now: datetime) -> None:
    await tick(worker_db, now)
    await send_all(worker_db, Accepts(), now)


async def comes_back(worker_db: Database, owner: Any, code: str | None, status: str = "failed") -> None:
    """What the provider says of the latest."""
    attempt = await owner.fetchval("SELECT id FROM attempt ORDER BY started_at DESC LIMIT 1")
    async with worker_db.transaction(WORKER) as db:
        assert await receipt.handle(
            db, attempt, Report(sid="SM1", status=status, error_code=code, from_number="x"), NOON
        )


async def messages(owner: Any) -> list[tuple[str, str]]:
    rows = await owner.fetch("SELECT channel, to_number FROM message ORDER BY created_at, id")
    return [tuple(row) for row in rows]


async def test_each_way_is_tried_once_and_the_slot_stays_one(
    worker_db: Database, world: World, owner: Any, reached: None
) -> None:
    await owner.execute("UPDATE organization SET reminders_a_day = 1")
    expected = [("sms", world.patient_phone), ("sms", OTHER), ("voice", world.patient_phone)]
    for tries, code in enumerate(("30006", "21211", "13224")):
        await goes(worker_db, NOON + tries * MINUTE)
        assert await messages(owner) == expected[: tries + 1]
        await comes_back(worker_db, owner, code)
    for _ in range(3):
        await goes(worker_db, NOON + 9 * MINUTE)
    await owner.execute("UPDATE telephone SET cannot_text = NULL, cannot_call = NULL, line_type = 'unknown'")
    await goes(worker_db, NOON + 10 * MINUTE)
    assert await messages(owner) == expected
    assert await reminders(owner) == [("queued", None)]
    assert await owner.fetchval("SELECT array_length(tried, 1) FROM reminder") == 3


@pytest.mark.parametrize(("status", "code"), [("failed", "30003"), ("failed", "30008"), ("failed", "21610")])
async def test_what_may_have_arrived_or_was_not_wanted_is_not_tried_again(
    worker_db: Database, owner: Any, reached: None, status: str, code: str
) -> None:
    await goes(worker_db, NOON)
    await comes_back(worker_db, owner, code, status)
    await goes(worker_db, NOON + MINUTE)
    assert len(await messages(owner)) == 1


@pytest.mark.parametrize(
    "doubt",
    [
        "UPDATE attempt SET outcome = 'unknown'",
        "UPDATE message SET status = 'unknown'",
        "UPDATE message SET status = 'delivered'",
        "INSERT INTO receipt (id, organization_id, attempt_id, status, received_at)"
        " SELECT gen_random_uuid(), organization_id, id, 'delivered', now() FROM attempt",
        "UPDATE reminder_rule SET lasts_hours = 1",
        "UPDATE patient SET monitoring_status = 'deceased'",
    ],
)
async def test_any_doubt_keeps_the_second_way_closed(
    worker_db: Database, owner: Any, reached: None, doubt: str
) -> None:
    await goes(worker_db, NOON)
    await comes_back(worker_db, owner, "30006")
    await owner.execute(doubt)
    await goes(worker_db, NOON + 61 * MINUTE)
    assert len(await messages(owner)) == 1


async def test_an_opt_out_closes_the_next_way_and_quiet_hours_put_it_off(
    worker_db: Database, world: World, owner: Any, reached: None
) -> None:
    await opts_out(owner, world, OTHER)
    await goes(worker_db, NOON)
    await comes_back(worker_db, owner, "30006")
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)"
        " VALUES ($1, $2, '14:00', '23:00', 'test', $3)",
        world.patient, world.organization, NOON,
    )  # fmt: skip
    await goes(worker_db, NOON + MINUTE)
    assert await reminders(owner) == [("planned", "quiet_hours")]
    await goes(worker_db, NOON + 120 * MINUTE)
    assert await messages(owner) == [("sms", world.patient_phone), ("voice", world.patient_phone)]


async def test_two_workers_at_once_make_one_message_by_the_next_way(
    worker_db: Database, owner: Any, reached: None
) -> None:
    await goes(worker_db, NOON)
    await comes_back(worker_db, owner, "30006")
    await asyncio.gather(*(goes(worker_db, NOON + MINUTE) for _ in range(4)))
    assert len(await messages(owner)) == 2
