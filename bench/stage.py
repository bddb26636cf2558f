"""The set-up that is measured: real PostgreSQL with full durability, real Mosquitto, one organization, some devices."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from devices.credentials import DynamicSecurity
from server.db import migrate
from server.ops.embedded import mosquitto, postgres
from server.ops.embedded.keeper import kept
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings, load
from tests.world import FIELD_KEY, lend_device, make_world

SECRET = "bench-secret-key-0123456789abcdef-0123456789"
DEVICES = 20


Lend = Callable[[Any, RunningMosquitto], Awaitable[list[tuple[str, str]]]]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a measurement needs; `devices` are (id, password) of senders on loan to one patient."""

    settings: Settings
    folder: Path
    broker: RunningMosquitto
    owner: Any
    devices: list[tuple[str, str]]

    @staticmethod
    @asynccontextmanager
    async def open(folder: Path, lend: Lend | None = None) -> AsyncIterator["Stage"]:
        """`lend` makes the devices and returns their logins; without it there are 20, of one patient."""
        async with (
            kept(partial(postgres.start, folder / "postgres"), "PostgreSQL", _quiet) as database,
            kept(partial(mosquitto.start, folder / "broker"), "Mosquitto", _quiet) as broker,
        ):
            settings = load(
                {
                    "DATABASE_URL": database.url, "MQTT_URL": broker.url_bridge, "CARELOOP_SECRET_KEY": SECRET,
                    "CARELOOP_FIELD_KEY": FIELD_KEY,
                }
            )  # fmt: skip
            await migrate.migrate(database.url, SECRET, datetime.now(UTC))
            owner = await asyncpg.connect(database.url)
            await postgres.assert_durable(owner)
            devices = await (lend or _devices)(owner, broker)
            yield Stage(settings=settings, folder=folder, broker=broker, owner=owner, devices=devices)
            await owner.close()

    def database_pid(self) -> int:
        """The postmaster that runs now: a killed one is replaced."""
        return _pid_in(self.folder / "postgres" / "postgres.lock")

    def broker_pid(self) -> int:
        """The broker that runs now."""
        return _pid_in(self.folder / "broker" / "mosquitto.lock")


def _pid_in(lock: Path) -> int:
    """The lock names who started the service, and the service."""
    return int(lock.read_text().split()[-1])


def _quiet(_: str) -> None:
    return


async def _devices(owner: Any, broker: RunningMosquitto) -> list[tuple[str, str]]:
    world = await make_world(owner, "Bench")
    since = datetime.now(UTC) - timedelta(days=30)
    lent = [await lend_device(owner, world.organization, world.patient, since) for _ in range(DEVICES)]
    security = DynamicSecurity(broker.url_admin)
    for device, password in lent:
        await security.grant(device, password)
        await asyncio.sleep(0)
    return lent
