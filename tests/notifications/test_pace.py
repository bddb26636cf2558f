"""No number texts faster than it may, however many workers there are; pages go first and are counted."""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications import outbox
from notifications.outbox import Claimed
from notifications.pace import Pace, granted
from notifications.sender import Sender
from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import BadSetting
from server.settings import Settings, load
from server.worker import raise_alarm
from tests.texting import NOON, WORKER, Phones, answer, message, phones, put, status_of, transactions
from tests.world import World

__all__ = ["phones"]
SECOND = timedelta(seconds=1)
SEED = 20261122


def pace(rate: float | None = None) -> Pace:
    return Pace(default_sender="+12125550399", texts_a_second=rate)


async def claim(database: Database, now: datetime, rate: float | None = None, limit: int = 16) -> list[Claimed]:
    async with database.transaction(WORKER) as db:
        return await pace(rate).claim(db, now, limit)


@pytest.mark.parametrize(
    ("number", "texts_a_second"),
    [
        ("+12125550300", 1.0), ("+18005550300", 3.0), ("+18885550300", 3.0), ("+18105550300", 1.0), ("12345", 100.0),
        ("MG" + "0" * 32, 10.0), ("+442071838750", 1.0), ("", 1.0),
    ],
)  # fmt: skip
def test_each_kind_of_number_has_its_pace(number: str, texts_a_second: float) -> None:
    assert granted(number) == texts_a_second
    assert pace(25).rate(number, "sms") == 25


@pytest.mark.parametrize(("said", "rate"), [("", None), ("25", 25.0), ("0.5", 0.5)])
def test_what_the_provider_granted_is_a_setting(settings: Settings, said: str, rate: float | None) -> None:
    assert granted_by({"TWILIO_TEXTS_A_SECOND": said}, settings) == rate


@pytest.mark.parametrize("said", ["0", "-1", "fast", "nan", "inf"])
def test_a_pace_that_is_none_is_refused(settings: Settings, said: str) -> None:
    with pytest.raises(BadSetting, match="TWILIO_TEXTS_A_SECOND"):
        granted_by({"TWILIO_TEXTS_A_SECOND": said}, settings)


def granted_by(env: dict[str, str], settings: Settings) -> float | None:
    login = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_SENDER": "+12125550300"}
    needed = {
        "DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url,
        "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
    }  # fmt: skip
    twilio = load({**needed, **login, **env}).twilio
    assert twilio is not None
    return twilio.texts_a_second


async def test_a_long_code_texts_once_a_second_and_saves_nothing_up(worker_db: Database, world: World) -> None:
    await put(worker_db, *(answer(world) for _ in range(20)))
    claimed = [len(await claim(worker_db, NOON + at * SECOND)) for at in (0, 0.5, 0.9, 1, 1, 2.5, 30, 30, 31)]
    assert claimed == [1, 0, 0, 1, 0, 1, 1, 0, 1]


async def test_workers_at_once_take_together_what_one_may(worker_db: Database, world: World) -> None:
    await put(worker_db, *(answer(world) for _ in range(40)))
    for second in range(5):
        taken = await asyncio.gather(*(claim(worker_db, NOON + second * SECOND, 4) for _ in range(5)))
        assert sum(map(len, taken)) == 4
        assert len({one.id for batch in taken for one in batch}) == 4


async def test_a_page_overtakes_and_is_counted(worker_db: Database, world: World) -> None:
    await put(worker_db, *(answer(world) for _ in range(3)))
    await claim(worker_db, NOON)
    await put(worker_db, *(message(world) for _ in range(4)))
    assert Counter(one.purpose for one in await claim(worker_db, NOON)) == {"page": 4}, "whatever the bucket says"
    waits = [len(await claim(worker_db, NOON + at * SECOND)) for at in (1, 2, 3, 4, 5, 6)]
    assert waits == [0, 0, 0, 0, 1, 1], "four pages cost four seconds"


async def test_one_number_does_not_slow_down_another(worker_db: Database, world: World, other_world: World) -> None:
    await put(worker_db, *(answer(one) for one in (world, other_world) for _ in range(3)))
    taken = await claim(worker_db, NOON)
    assert sorted(one.from_number for one in taken) == sorted([world.sender, other_world.sender])


async def test_organizations_without_a_number_share_the_pace_of_the_common_one(
    worker_db: Database, world: World, other_world: World, owner: Any
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL")
    await put(worker_db, *(answer(one) for one in (world, other_world) for _ in range(3)))
    assert [one.from_number for one in await claim(worker_db, NOON)] == ["+12125550399"]


async def test_over_many_minutes_and_workers_the_pace_is_kept_and_used(worker_db: Database, world: World) -> None:
    """Three workers whose clocks differ by up to half a second look at random moments."""
    chance = random.Random(SEED)
    await put(worker_db, *(answer(world) for _ in range(150)))
    apart = [chance.uniform(0, 0.5) for _ in range(3)]
    at, taken = 0.0, 0
    while at < 100:
        at += chance.uniform(0.01, 0.6)
        taken += len(await claim(worker_db, NOON + (at + chance.choice(apart)) * SECOND))
        assert taken <= at + 0.5 + 1
    print(f"seed {SEED}: {taken} texts in {at:.0f} s at one a second")
    assert taken >= 80


# What the provider says of it -----------------------------------------------------------------------


def paced(database: Database, phones: Phones, now: datetime) -> Sender:
    held = pace(50)
    return Sender(transactions(database), phones.gateway(), raise_alarm, lambda: now, uuid7, held.claim, held.hold)


async def ask_to_wait(phones: Phones, seconds: int) -> None:
    await phones._post("/mishaps", {"mishaps": ["too_many"], "chances": {"retry_after": seconds}})


async def test_when_the_provider_asks_to_wait_every_worker_does_but_no_page(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text, page, safety = answer(world), message(world), answer(world, purpose="safety")
    await put(worker_db, text)
    await ask_to_wait(phones, 30)
    await paced(worker_db, phones, NOON).send_due()
    assert await status_of(owner, text) == ("queued", "too_many_requests")
    await put(worker_db, page, safety, answer(world))
    assert await paced(worker_db, phones, NOON + SECOND).send_due() == 2
    assert len(phones.texts()) == 2
    for one in (page, safety):
        assert (await status_of(owner, one))[0] in {"sent", "delivered"}
    assert await paced(worker_db, phones, NOON + 29 * SECOND).send_due() == 0
    assert await paced(worker_db, phones, NOON + 30 * SECOND).send_due() == 2
    outcomes = await owner.fetch("SELECT outcome FROM attempt ORDER BY started_at")
    assert [row["outcome"] for row in outcomes] == ["rejected", *["accepted"] * 4]


@pytest.mark.parametrize(("asked_s", "again_s"), [(30, 30), (86_400, 60)])
async def test_a_page_that_is_told_to_wait_itself_tries_again_within_a_minute(
    worker_db: Database, phones: Phones, world: World, owner: Any, asked_s: int, again_s: int
) -> None:
    page = message(world)
    await put(worker_db, page)
    await ask_to_wait(phones, asked_s)
    await paced(worker_db, phones, NOON).send_due()
    assert await status_of(owner, page) == ("queued", "too_many_requests")
    assert await paced(worker_db, phones, NOON + (again_s - 1) * SECOND).send_due() == 0
    assert await paced(worker_db, phones, NOON + again_s * SECOND).send_due() == 1
    assert len(phones.texts()) == 1


async def test_nobody_is_made_to_wait_for_hours(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await put(worker_db, answer(world))
    await ask_to_wait(phones, 86_400)
    await paced(worker_db, phones, NOON).send_due()
    held = await owner.fetchval("SELECT max(held_until) FROM sender_pace")
    assert held == NOON + timedelta(minutes=5)


async def test_a_slow_call_holds_up_nobody_elses_page(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    slow, page = answer(world, body="slow"), message(world)
    await put(worker_db, slow)
    await phones.mishaps("silence")
    sender = Sender(transactions(worker_db), phones.gateway(3), raise_alarm, lambda: NOON, uuid7, outbox.claim)
    assert await sender.send_on()
    await put(worker_db, page)
    assert await sender.send_on()
    assert [text.to_number for text in phones.texts()] == [world.nurse_phone]
    assert await status_of(owner, slow) == ("sending", None)
    await sender.finish()
    assert (await status_of(owner, slow))[0] == "unknown"
    assert not await sender.send_on()
