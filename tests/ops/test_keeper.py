"""The plug is pulled on PostgreSQL or the broker, and they come back on their data, at their address."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from server.db.pool import AWAY
from server.errors import Unavailable
from server.ops.embedded import mosquitto, postgres
from server.ops.embedded.keeper import kept
from server.ops.tether import alive


async def until(condition: object, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def test_postgresql_that_was_killed_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    said: list[str] = []
    async with kept(partial(postgres.start, tmp_path), "PostgreSQL", said.append) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.process.pid
        os.kill(first, signal.SIGKILL)

        async def answers() -> bool:
            try:
                again = await asyncpg.connect(server.url, timeout=2)
            except AWAY:
                return False
            value = await again.fetchval("SELECT answer FROM kept")
            await again.close()
            return bool(value == 42)

        await until(lambda: asyncio.sleep(0, not alive(first)))
        await until(answers)
        connection.terminate()
    assert said == ["PostgreSQL ended; starting it again"]
    with pytest.raises(AWAY):
        await asyncpg.connect(server.url, timeout=2)


async def test_a_broker_that_was_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    async with kept(partial(mosquitto.start, tmp_path), "Mosquitto", lambda _: None) as broker:
        os.kill(broker.process.pid, signal.SIGKILL)
        await broker.process.wait()

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection(broker.host, broker.port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers)
    assert not await answers()


async def test_one_that_cannot_start_again_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    starts = iter([None, Unavailable("the disk is full"), None])

    async def start() -> mosquitto.RunningMosquitto:
        if trouble := next(starts):
            raise trouble
        return await mosquitto.start(tmp_path)

    async with kept(start, "Mosquitto", said.append) as broker:
        os.kill(broker.process.pid, signal.SIGKILL)
        await until(lambda: asyncio.sleep(0, len(said) >= 3))
    assert said[:3] == [
        "Mosquitto ended; starting it again",
        "Mosquitto: the disk is full",
        "Mosquitto ended; starting it again",
    ]
