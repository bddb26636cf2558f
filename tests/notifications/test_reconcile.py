"""A provider that hangs holds up nobody: few questions at a time, short rounds, and urgent work in loops of its own."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications import reconcile as asking
from notifications.gateways import Found
from notifications.gateways.log import LogGateway
from notifications.messages import Channel
from notifications.reconcile import AT_ONCE, put_back, reconcile
from server import worker
from server.db.ids import uuid7
from server.db.pool import Database
from server.outreach.tasks import open_task
from server.settings import Settings
from server.worker import raise_alarm
from tests.texting import NOON, answer, message, put, status_of, transactions, until
from tests.world import World

MINUTE = timedelta(minutes=1)


class Slow(LogGateway):
    """Counts who asks; `silent` gives no answer, as a provider that hangs until our deadline."""

    def __init__(self, *, silent: bool = False) -> None:
        self.asked: list[str] = []
        self.under_way = self.most = 0
        self._silent = silent

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "sms") -> list[Found] | None:
        self.asked.append(body)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return None if self._silent else []


async def unknown(owner: Any, worker_db: Database, world: World, count: int) -> None:
    await put(worker_db, *(answer(world, body=f"Number {n}") for n in range(count)))
    await owner.execute("UPDATE message SET status = 'unknown', reason = 'no_answer', claimed_at = $1", NOON)
    for row in await owner.fetch("SELECT id FROM message"):
        await owner.execute(
            "INSERT INTO attempt (id, organization_id, message_id, provider, started_at, outcome)"
            " VALUES ($1, $2, $3, 'twilio', $4, 'unknown')", uuid7(), world.organization, row["id"], NOON,
        )  # fmt: skip


async def asked(database: Database, gateway: LogGateway, after: timedelta) -> int:
    return await reconcile(transactions(database), gateway, raise_alarm, lambda: NOON + after, open_task)


async def test_the_provider_is_asked_about_a_few_at_a_time(worker_db: Database, world: World, owner: Any) -> None:
    await unknown(owner, worker_db, world, 3 * AT_ONCE)
    gateway = Slow()
    assert await asked(worker_db, gateway, MINUTE) == 0
    assert len(set(gateway.asked)) == 3 * AT_ONCE
    assert gateway.most == AT_ONCE


async def test_a_provider_that_hangs_is_asked_once_a_round_and_a_person_hears_of_all(
    worker_db: Database, world: World, owner: Any
) -> None:
    await unknown(owner, worker_db, world, 3 * AT_ONCE)
    gateway = Slow(silent=True)
    assert await asked(worker_db, gateway, MINUTE) == 0
    assert len(gateway.asked) == AT_ONCE
    assert await asked(worker_db, gateway, 15 * MINUTE) == 3 * AT_ONCE
    assert await owner.fetchval("SELECT count(*) FROM task WHERE kind = 'text_unresolved'") == 3 * AT_ONCE


async def test_a_round_that_is_too_short_for_all_begins_with_others_the_next_time(
    worker_db: Database, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown(owner, worker_db, world, 2 * AT_ONCE)
    monkeypatch.setattr(asking, "ROUND_SECONDS", 0)
    gateway = Slow()
    for seconds in range(2 * AT_ONCE):
        assert await asked(worker_db, gateway, timedelta(minutes=16, seconds=seconds)) == 0
    assert not gateway.asked, "a question that was not asked gives nobody up"
    monkeypatch.setattr(asking, "ROUND_SECONDS", 20)
    first, then = Slow(silent=True), Slow(silent=True)
    await asked(worker_db, first, timedelta(0))
    await asked(worker_db, then, timedelta(seconds=AT_ONCE))
    assert set(first.asked).isdisjoint(then.asked)


class Hangs(LogGateway):
    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "sms") -> list[Found] | None:
        self.began.set()
        await asyncio.Event().wait()
        return None


async def test_a_page_whose_sender_died_is_put_back_while_the_provider_hangs(
    worker_db: Database, world: World, owner: Any, settings: Settings
) -> None:
    await unknown(owner, worker_db, world, 1)
    page, stop, hangs = message(world), asyncio.Event(), Hangs()
    await put(worker_db, page)
    await owner.execute("UPDATE message SET status = 'sending', claimed_at = $2 WHERE id = $1", page.id, NOON)
    loops = worker.loops(settings, worker_db, stop, asyncio.Event(), asyncio.Event(), hangs)
    running = [
        asyncio.create_task(worker._keep(one, worker_db, stop))
        for one in loops
        if one.name in {"reconcile", "put_back", "left_over"}
    ]
    try:
        await asyncio.wait_for(hangs.began.wait(), 10)
        await until(lambda: is_queued(owner, page))
        await until(lambda: left_over_was_heard(owner))
    finally:
        stop.set()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def is_queued(owner: Any, page: Any) -> bool:
    return (await status_of(owner, page))[0] == "queued"


async def left_over_was_heard(owner: Any) -> bool:
    return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM heartbeat WHERE loop = 'left_over')"))


async def test_put_back_asks_nobody(worker_db: Database, world: World, owner: Any) -> None:
    await put(worker_db, answer(world))
    await owner.execute("UPDATE message SET status = 'sending', claimed_at = $1", NOON)
    assert await put_back(transactions(worker_db), lambda: NOON + MINUTE) == 1
