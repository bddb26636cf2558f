"""The whole worker: its loops together on a real database, a provider and a clock."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from server import worker
from server.db.ids import uuid7
from tests.texting import Phones, free_port, message, phones, put, until
from tests.world import World

__all__ = ["phones"]
NOBODY_CONNECTED = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'careloop worker' AND datname = current_database()"
LATER_BEATS = "SELECT count(*) FROM heartbeat WHERE loop = 'reminders' AND beat_at > $1"


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


async def test_two_workers_remind_a_silent_patient_once_and_end_soon_when_told(
    phones: Phones, world: World, owner: Any
) -> None:
    await a_rule_for_this_hour(owner, world)
    stop = asyncio.Event()
    settings = msgspec.structs.replace(phones.settings, tick_seconds=1)
    running = [asyncio.create_task(worker.run(settings, stop)) for _ in range(2)]
    try:
        await until(lambda: has(owner, "SELECT count(*) FROM message WHERE status = 'delivered'"), 20)
        await until(lambda: has(owner, "SELECT count(*) >= 6 FROM (SELECT DISTINCT loop FROM heartbeat)"), 20)
        seen = datetime.now(UTC)  # and now several ticks in which nothing may happen
        await until(lambda: has(owner, LATER_BEATS, seen), 20)
    finally:
        stop.set()
        began = time.monotonic()
        await asyncio.gather(*running)
    assert time.monotonic() - began < 10
    assert len(phones.texts(world.patient_phone)) == 1
    assert await owner.fetchval("SELECT count(*) FROM gap WHERE measure LIKE 'CMS%'") == 2
    assert len(phones.texts()) == 1


async def test_a_worker_outlives_a_database_that_goes_away_and_comes_back(
    phones: Phones, world: World, owner: Any, worker_db: Any
) -> None:
    way = Way(phones.settings.database_url)
    await way.open()
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(msgspec.structs.replace(phones.settings, database_url=way.url), stop))
    try:
        for n in range(3):
            await until(lambda: has(owner, "SELECT count(*) FROM heartbeat WHERE loop = 'sender'"), 20)
            await way.close()
            await until(lambda: has(owner, NOBODY_CONNECTED))
            await put(worker_db, message(world, body=f"Number {n}"))
            await way.open()
            await until(lambda n=n: has(owner, f"SELECT count(*) > {n} FROM message WHERE status = 'delivered'"), 30)
        assert not running.done()
        assert len(phones.texts()) == 3
    finally:
        stop.set()
        await running
        await way.close()


async def test_a_worker_that_starts_before_its_database_waits_for_it(phones: Phones, owner: Any) -> None:
    way, stop = Way(phones.settings.database_url), asyncio.Event()
    running = asyncio.create_task(worker.run(msgspec.structs.replace(phones.settings, database_url=way.url), stop))
    try:
        await asyncio.wait({running}, timeout=1)
        assert not running.done()
        await way.open()
        await until(lambda: has(owner, "SELECT count(*) FROM heartbeat WHERE loop = 'sender'"), 20)
    finally:
        stop.set()
        await running
        await way.close()


class Way:
    """A way to the database that can be closed: connections are cut, and new ones refused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._port = free_port()
        self.url = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self._port}"))
        self._server: asyncio.Server | None = None
        self._cut: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._cut:
            writer.transport.abort()
        self._cut.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        self._cut |= {writer, there_writer}
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def has(owner: Any, query: str, *values: object) -> bool:
    return bool(await owner.fetchval(query, *values))
