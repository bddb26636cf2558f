"""Homes send, and the bridge, the broker and all of PostgreSQL are killed; afterwards nothing may be missing."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from bench import checks
from bench.stage import Stage
from devices.topics import topic
from server.db.pool import AWAY
from tests.homes import Home, at_home
from tests.proofs import backlog

BACK_WITHIN_S = 120.0  # PostgreSQL after its last kill
PER_SECOND = 300
RESEND_AFTER_S = 4.0
DRAIN_WITHIN_S = 120.0
OLD_READINGS_PER_HUB = 5000
BRIDGE = """
import asyncio, os
from server import bridge
from server.settings import load
asyncio.run(bridge.run(load(os.environ), asyncio.Event()))
"""


class Outbox:
    """A home that keeps each reading until its receipt and sends it again when none comes."""

    def __init__(self, home: Home, chance: random.Random) -> None:
        self.home, self.chance, self.sent_at = home, chance, dict[int, float]()
        self.kept: dict[int, bytes] = {}
        self.last = 0

    def measure(self) -> None:
        self.last += 1
        entry = {
            "seq": self.last, "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat(),
            "systolic": 190 if self.chance.random() < 0.02 else self.chance.randint(100, 160), "diastolic": 80,
        }  # fmt: skip
        self.kept[self.last] = json.dumps(entry).encode()
        self._send(self.last)

    def again(self) -> None:
        """Forget what is settled; send what waited too long."""
        now = time.monotonic()
        for seq in [n for n in self.kept if n in self.home.settled]:
            del self.kept[seq]
        for seq in [n for n in self.kept if now - self.sent_at[n] > RESEND_AFTER_S][:100]:
            self._send(seq)

    def _send(self, seq: int) -> None:
        self.sent_at[seq] = time.monotonic()
        self.home.client.publish(topic(self.home.device, "readings"), self.kept[seq], qos=1)


class Bridge:
    """The bridge as a process of its own, started again whenever it is killed."""

    def __init__(self, stage: Stage) -> None:
        settings = stage.settings
        self.env = {
            **os.environ, "DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url,
            "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
        }  # fmt: skip
        self.process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bridge"]:
        keeping = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            if self.process is not None and self.process.returncode is None:
                self.process.kill()
                await self.process.wait()

    async def _keep(self) -> None:
        quiet = asyncio.subprocess.DEVNULL
        while True:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", BRIDGE, env=self.env, stdout=quiet, stderr=quiet
            )
            await self.process.wait()


async def campaign(stage: Stage, kills: int, seed: int) -> dict[str, Any]:
    """Kill something every second or two, `kills` times; then let everything drain and check."""
    chance = random.Random(seed)
    bridge = Bridge(stage)
    victims = {"bridge": 0, "broker": 0, "postgresql": 0}
    async with contextlib.AsyncExitStack() as open_until_the_end:
        await open_until_the_end.enter_async_context(bridge.running())
        await _subscribed(stage)
        homes = [
            Outbox(
                await open_until_the_end.enter_async_context(at_home(stage.broker.host, stage.broker.port, *d)), chance
            )
            for d in stage.devices
        ]
        sending = asyncio.create_task(_send(homes))
        for number in range(1, kills + 1):
            await asyncio.sleep(chance.uniform(1.0, 2.5))
            victim = chance.choice(list(victims))
            victims[victim] += 1
            _kill(stage, bridge, victim)
            print(f"\r{number} of {kills} killed", end="", flush=True)
        sending.cancel()
        drained = await _drain(homes)
    print()
    return {"seed": seed, "kills": victims, "drained": drained, **await _judge(stage, homes)}


async def _subscribed(stage: Stage) -> None:
    query = "SELECT count(*) FROM heartbeat WHERE loop = 'ingest'"
    owner = await asyncpg.connect(stage.settings.database_url)
    while not await owner.fetchval(query):
        await asyncio.sleep(0.05)
    await owner.close()


async def _send(homes: list[Outbox]) -> None:
    while True:
        for home in homes:
            home.measure()
            home.again()
            await asyncio.sleep(1 / PER_SECOND)


async def _drain(homes: list[Outbox]) -> bool:
    deadline = time.monotonic() + DRAIN_WITHIN_S
    while any(home.kept for home in homes) and time.monotonic() < deadline:
        for home in homes:
            home.again()
        await asyncio.sleep(0.2)
    return not any(home.kept for home in homes)


def _kill(stage: Stage, bridge: Bridge, victim: str) -> None:
    if victim == "bridge" and bridge.process is not None:
        pids = [bridge.process.pid]
    elif victim == "broker":
        pids = [stage.broker_pid()]
    else:
        pids = _with_children(stage.database_pid())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _with_children(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


async def _judge(stage: Stage, homes: list[Outbox]) -> dict[str, Any]:
    owner = await _owner(stage)
    settled = {home.home.device: home.home.settled for home in homes}
    patient = await owner.fetchval("SELECT id FROM patient")
    sent = sum(home.last for home in homes)
    receipts = sum(map(len, settled.values()))
    found = {
        "receipts without a row": (await checks.receipts_without_a_row(owner, settled), receipts),
        "readings stored twice": (await checks.stored_twice(owner), sent),
        "devices under a wrong patient": (
            await checks.wrong_patient(owner, {home.home.device: patient for home in homes}), len(homes),
        ),
        "crossings without a finding": (await checks.crossings_without_a_finding(owner), sent),
        "devices whose counts are wrong": (await checks.wrong_counts(owner), len(homes)),
        "readings still unreceipted": ([n for home in homes for n in home.kept], sent),
    }  # fmt: skip
    await owner.close()
    return {"sent": sent, "checks": {name: {"broken": len(bad), "of": of} for name, (bad, of) in found.items()}}


async def _owner(stage: Stage) -> Any:
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            try:
                return await asyncpg.connect(stage.settings.database_url)
            except AWAY:
                await asyncio.sleep(0.2)


async def soak(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """SIGKILLs of bridge, broker and all of PostgreSQL while homes send."""
    async with Stage.open(folder) as stage:
        print(f"  {asked.kills} SIGKILLs, {PER_SECOND} readings a second")
        found = await campaign(stage, asked.kills, asked.seed)
    found["checks"]["senders that could not empty their store"] = {"broken": int(not found["drained"]), "of": 1}
    return found


async def old_store(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Twenty hubs empty their stores at once; `tests/proofs/backlog.py` says what must hold."""
    async with Stage.open(folder) as stage, Bridge(stage).running():
        await _subscribed(stage)
        return await backlog.run(stage.settings, stage.broker, stage.owner, OLD_READINGS_PER_HUB, asked.seed)
