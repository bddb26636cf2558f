"""The whole worker: its loops together on a real database, a provider and a clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from server import worker
from server.db.ids import uuid7
from tests.texting import Phones, message, phones, put, until
from tests.world import World

__all__ = ["phones"]


async def a_rule_for_this_hour(owner: Any, world: World) -> None:
    """The patient lives where it is noon now, and the rule's hour is that one."""
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"  # the sign of these names is turned round
    await owner.execute("UPDATE patient SET zone = $1", zone)
    await owner.execute(
        "INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, after_days, local_hour)"
        " VALUES ($1, $2, 'quiet', 'measurement', $3, 3, 12)",
        uuid7(), world.organization, world.programme,
    )  # fmt: skip


async def test_two_workers_remind_a_silent_patient_once_and_end_soon_when_told(phones: Phones, world: World, owner: Any) -> None:
    await a_rule_for_this_hour(owner, world)
    stop = asyncio.Event()
    settings = msgspec.structs.replace(phones.settings, tick_seconds=1)
    running = [asyncio.create_task(worker.run(settings, stop)) for _ in range(2)]
    try:
        await until(lambda: has(owner, "SELECT count(*) FROM message WHERE status = 'delivered'"), 20)
        await until(lambda: has(owner, "SELECT count(*) >= 6 FROM (SELECT DISTINCT loop FROM heartbeat)"), 20)
        await asyncio.sleep(2.5)  # two more ticks, in which nothing may happen
    finally:
        stop.set()
        began = time.monotonic()
        await asyncio.gather(*running)
    assert time.monotonic() - began < 10
    assert len(phones.texts(world.patient_phone)) == 1
    assert await owner.fetchval("SELECT count(*) FROM gap") == 2
    assert len(phones.texts()) == 1


async def test_a_worker_outlives_its_connections(phones: Phones, world: World, owner: Any, worker_db: Any) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(phones.settings, stop))
    try:
        await until(lambda: has(owner, "SELECT count(*) FROM heartbeat WHERE loop = 'sender'"), 20)
        for _ in range(3):
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'careloop_worker'"
            )
        await put(worker_db, message(world)) if await alive(worker_db) else None
        await until(lambda: has(owner, "SELECT count(*) FROM message WHERE status = 'delivered'"), 30)
        assert not running.done()
    finally:
        stop.set()
        await running


async def alive(worker_db: Any) -> bool:
    """The test's own pool lost its connections as well; asking once makes it notice."""
    from tests.texting import WORKER

    for _ in range(3):
        try:
            async with worker_db.transaction(WORKER) as db:
                await db.fetchval("SELECT 1")
        except Exception:  # noqa: S112
            continue
        return True
    return False


async def has(owner: Any, query: str) -> bool:
    return bool(await owner.fetchval(query))
