"""Through the real broker into the real database: a receipt means safe, whatever is killed."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from devices.credentials import DynamicSecurity
from devices.mqtt import Delivered
from server import bridge
from server.flows import storing
from server.ops.embedded import mosquitto
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.conftest import in_database
from tests.homes import Home, at_home
from tests.world import World

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def measured_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test measures when it begins, not when its file was read: at night an older crisis is not texted about."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


def bp(seq: int, systolic: int = 128, diastolic: int = 80) -> dict[str, Any]:
    return {
        "seq": seq, "kind": "blood_pressure", "measured_at": NOW.isoformat(), "systolic": systolic, "diastolic": diastolic,
    }  # fmt: skip


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[RunningMosquitto]:
    running = await mosquitto.start(tmp_path / "broker")
    yield running
    await running.stop()


@pytest.fixture
def on_broker(settings: Settings, broker: RunningMosquitto) -> Settings:
    return msgspec.structs.replace(settings, mqtt_url=broker.url_bridge)


async def until_listening(owner: Any, since: datetime) -> None:
    """The bridge's own heartbeat says that it is subscribed: before that the broker keeps nothing for it."""
    async with asyncio.timeout(15):
        while not await owner.fetchval("SELECT count(*) FROM heartbeat WHERE loop = 'ingest' AND beat_at > $1", since):
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_bridge(settings: Settings, owner: Any = None) -> AsyncIterator[None]:
    stop, since = asyncio.Event(), datetime.now(UTC)
    task = asyncio.create_task(bridge.run(settings, stop))
    try:
        if owner is not None:
            await until_listening(owner, since)
        yield
    finally:
        stop.set()
        async with asyncio.timeout(15):
            await task


@asynccontextmanager
async def lent_home(world: World, broker: RunningMosquitto) -> AsyncIterator[Home]:
    await DynamicSecurity(broker.url_admin).grant(world.device, world.device_secret)
    async with at_home(broker.host, broker.port, world.device, world.device_secret) as home:
        yield home


async def test_what_waited_in_the_broker_gets_its_receipt_without_being_sent_again(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    """A resumed session delivers before its subscription is confirmed: those receipts must not be lost."""
    async with lent_home(world, broker) as home:
        async with running_bridge(on_broker, owner):
            pass
        for number in range(1, 13):
            home.send(bp(number))
            async with running_bridge(on_broker, owner):
                await home.until_settled([number])


async def test_a_device_whose_clock_is_wrong_is_asked_to_set_it(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    async with lent_home(world, broker) as home, running_bridge(on_broker, owner):
        asked: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        home.client.message_callback_add(
            f"careloop/v1/{world.device}/commands",
            lambda _, __, message: loop.call_soon_threadsafe(asked.put_nowait, bytes(message.payload)),
        )
        home.client.subscribe(f"careloop/v1/{world.device}/commands", qos=1)
        home.send(bp(1))
        await home.until_settled([1])
        slow = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        home.client.publish(f"careloop/v1/{world.device}/status", json.dumps({"clock": slow}), qos=1)
        async with asyncio.timeout(15):
            command = json.loads(await asked.get())
        assert abs(datetime.fromisoformat(command["set_clock"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_crisis_gets_its_receipt_an_alert_and_a_page(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    async with lent_home(world, broker) as home, running_bridge(on_broker, owner):
        for _ in range(5):
            home.send(bp(1, 192, 124))
        home.send(b"\x00 garbage \xff")
        home.send(bp(2))
        await home.until(lambda: len(home.receipts) >= 1 and 2 in home.settled)
        await home.until(lambda: any(r.get("fate") == "quarantined" for r in home.receipts))
    for table, expected in (("reading", 2), ("alert", 1), ("confirmation", 1), ("quarantine", 1)):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == expected, table
    assert await owner.fetchval("SELECT array_agg(purpose ORDER BY purpose) FROM message") == ["page", "safety"]
    assert home.settled == {1: "stored", 2: "stored"}


async def test_told_to_stop_it_ends_with_what_it_has_in_hand(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second crisis waits behind the first; the plain reading after them says that both were taken."""
    go, careful = asyncio.Event(), storing.careful

    async def slow(between: storing.Between, batch: Sequence[Delivered]) -> None:
        await go.wait()
        await careful(between, batch)

    monkeypatch.setattr(storing, "careful", slow)
    async with lent_home(world, broker) as home:
        async with running_bridge(on_broker, owner):
            for seq, systolic in ((1, 192), (2, 194), (3, 128)):
                home.send(bp(seq, systolic))
                await asyncio.sleep(0.1)
            await home.until_settled([3])
            asyncio.get_running_loop().call_later(0.3, go.set)
        assert await owner.fetchval("SELECT array_agg(systolic_mmhg ORDER BY 1)::int[] FROM reading") == [128, 192, 194]
        await home.until_settled([1, 2, 3])


async def test_what_was_published_while_the_bridge_was_away_is_stored_when_it_returns(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    async with lent_home(world, broker) as home:
        async with running_bridge(on_broker, owner):
            home.send(bp(1))
            await home.until_settled([1])
        for seq in range(2, 52):
            home.send(bp(seq))
        assert await owner.fetchval("SELECT count(*) FROM reading") == 1
        async with running_bridge(on_broker, owner):
            await home.until_settled(range(1, 52))
    assert await owner.fetchval("SELECT count(*) FROM reading") == 51


async def test_a_broker_that_goes_and_comes_back_is_survived(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto, tmp_path: Path
) -> None:
    async with running_bridge(on_broker, owner):
        async with lent_home(world, broker) as home:
            home.send(bp(1))
            await home.until_settled([1])
        await broker.stop()
        again = await mosquitto.start(tmp_path / "broker")
        try:
            assert again.port == broker.port
            async with at_home(again.host, again.port, world.device, world.device_secret) as home:
                home.send(bp(2))
                await home.until_settled([2], 30)
        finally:
            await again.stop()
    assert await owner.fetchval("SELECT count(*) FROM reading") == 2


async def allow_connections(database: str, allowed: bool) -> None:
    connection = await asyncpg.connect(in_database("postgres"))
    await connection.execute(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {allowed}")
    await connection.close()


async def test_a_database_that_is_away_delays_receipts_and_loses_nothing(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    async with lent_home(world, broker) as home, running_bridge(on_broker, owner):
        home.send(bp(1))
        await home.until_settled([1])
        # No new connections, and the bridge's present ones end: as a server that restarts does.
        await allow_connections(name, False)
        try:
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'careloop_bridge'",
                name,
            )
            home.send(bp(2, 192, 124))
            with pytest.raises(TimeoutError):
                await home.until_settled([2], 1.5)
        finally:
            await allow_connections(name, True)
        await home.until_settled([2], 30)
    assert await owner.fetchval("SELECT count(*) FROM alert") == 1


class Killed:
    """The bridge as its own process, to be killed without warning."""

    CODE = """
import asyncio, os
from server import bridge
from server.flows import storing
from server.settings import load
asyncio.run(bridge.run(load(os.environ), asyncio.Event()))
"""

    def __init__(self, settings: Settings) -> None:
        self.env = {
            **os.environ,
            "DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url,
            "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
        }  # fmt: skip
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            self.CODE,
            env=self.env,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


async def test_killing_the_bridge_while_2000_readings_stream_loses_and_doubles_nothing(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    seed, total = 20261121, 2000
    chance = random.Random(seed)
    killed, kills = Killed(on_broker), 0
    async with lent_home(world, broker) as home:
        since = datetime.now(UTC)
        await killed.start()
        try:
            await until_listening(owner, since)
            for first in range(1, total + 1, 50):
                for seq in range(first, first + 50):
                    home.send(bp(seq, chance.choice((120, 150, 190))))
                if first % 200 == 1:
                    await home.until(lambda least=first - 1: len(home.settled) > least * 0.8, 60)
                    await killed.kill()
                    kills += 1
                    await killed.start()
            await home.until_settled(range(1, total + 1), 60)
        finally:
            await killed.kill()
    rows = await owner.fetch("SELECT seq, count(*) AS rows FROM arrival JOIN reading ON id = reading_id GROUP BY seq")
    found = {row["seq"]: row["rows"] for row in rows}
    without_row = [seq for seq in home.settled if seq not in found]
    doubled = [seq for seq, count in found.items() if count != 1]
    missing = set(range(1, total + 1)) - set(found)
    print(f"seed {seed}, {kills} SIGKILLs: {len(without_row)} of {len(home.settled)} receipts without a row,")
    print(f"{len(doubled)} of {total} twice, {len(missing)} of {total} missing")
    assert (without_row, doubled, missing) == ([], [], set())
    crossings = await owner.fetchval("SELECT count(*) FROM reading WHERE systolic_mmhg >= 180")
    assert await owner.fetchval("SELECT count(*) FROM finding") == crossings
    assert await owner.fetchval("SELECT count(*) FROM alert") == 1
    state = await owner.fetchrow("SELECT * FROM device_state")
    assert state["received_count"] == state["stored_count"] + state["duplicate_count"]
    assert state["stored_count"] == total


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    world: World, owner: Any, settings: Settings, tmp_path: Path
) -> None:
    async with running_bridge(settings):
        async with asyncio.timeout(15):  # no `owner`: there is nothing to listen to
            while await owner.fetchval("SELECT count(*) FROM heartbeat WHERE loop = 'ingest_without_broker'") == 0:
                await asyncio.sleep(0.05)


async def test_what_was_delivered_but_not_committed_when_the_bridge_died_comes_again(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    killed, since = Killed(on_broker), datetime.now(UTC)
    async with lent_home(world, broker) as home:
        await killed.start()
        try:
            await until_listening(owner, since)
            async with owner.transaction():  # the ledger is locked: the bridge has the message and cannot commit
                await owner.execute("LOCK TABLE arrival IN EXCLUSIVE MODE")
                home.send(bp(1, 192, 124))
                async with asyncio.timeout(15):
                    while not await owner.fetchval(BLOCKED):
                        await asyncio.sleep(0.02)
                await killed.kill()
            assert await owner.fetchval("SELECT count(*) FROM arrival") == 0
            await killed.start()
            await home.until_settled([1], 20)
        finally:
            await killed.kill()
    assert await owner.fetchval("SELECT count(*) FROM alert") == 1


BLOCKED = """
    SELECT count(*) > 0 FROM pg_stat_activity
     WHERE datname = current_database() AND usename = 'careloop_bridge' AND wait_event_type = 'Lock'
"""
