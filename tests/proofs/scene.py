"""All our doors at once: a broker that knows certificates, the bridge behind it, and the web with its vendors."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from litestar.testing import AsyncTestClient

from devices.authority import Authority, open_authority
from devices.topics import topic
from server.app import create
from server.db.pool import Database
from server.ops.embedded import mosquitto
from server.settings import Settings
from tests.homes import Home, at_home
from tests.ops.room import Peer, Room
from tests.proofs import street, vendors
from tests.proofs.street import Neighbour
from tests.test_bridge import running_bridge
from tests.web.conftest import Client
from tests.world import World

TABLES = {
    "arrival": "SELECT count(*) FROM arrival", "reading": "SELECT count(*) FROM reading",
    "held": "SELECT count(*) FROM held", "quarantine": "SELECT count(*) FROM quarantine",
    "alert": "SELECT count(*) FROM alert", "message": "SELECT count(*) FROM message",
}  # fmt: skip
DUPLICATES = "SELECT coalesce(sum(duplicate_count), 0)::int FROM device_state"
REFUSALS = "SELECT principal, subject FROM audit WHERE NOT allowed"
POISON = "SELECT organization_id, device_id, reason FROM quarantine"
STORED = "SELECT count(*) FROM reading WHERE device_id = $1"
ALARM = "SELECT kind FROM alarm WHERE status = 'open'"


def crisis(**more: Any) -> bytes:
    """What would be stored, open an alert and page, if it got through."""
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    entry = {"kind": "blood_pressure", "measured_at": at, "systolic": 192, "diastolic": 124}
    return json.dumps({"seq": 1, **entry, **more}).encode()


class Scene:
    """What an attempt needs; `log` are our own words, `broker_log` the broker's since the beginning."""

    def __init__(self, world: World, other: World, owner: Any, web_db: Database, client: Client) -> None:
        self.world, self.other, self.owner, self.web_db, self.client = world, other, owner, web_db, client
        self.log: list[Any] = []
        self.room: Room
        self.authority: Authority
        self.probe: Home
        self.bridge = AsyncExitStack()
        self.folder: Path
        self.neighbour: Neighbour

    async def counts(self) -> dict[str, int]:
        return {table: await self.owner.fetchval(query) for table, query in TABLES.items()}

    def broker_log(self) -> str:
        return (self.folder / "mosquitto.log").read_text()

    async def signed_in(self, device: str, password: str) -> Peer:
        peer = self.room.peer(device, password)
        assert await peer.sign_in() == "Success"
        return peer

    async def all_heard(self) -> None:
        """Whatever the broker took before this quiet reading of somebody else's has been dealt with after it.

        It is taken no earlier than what came before it, but another lane may be quicker: so the bridge ends too,
        which it does with what it has in hand.
        """
        self.probe.send({"seq": 1, "kind": "pulse", "pulse": 61})
        await self.probe.until_settled([1])
        await self.bridge.aclose()

    async def stored(self, device: str) -> None:
        """The device's first reading has been committed."""
        async with asyncio.timeout(10):
            while not await self.owner.fetchval(STORED, device):
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for peer in self.room.peers:
            peer.leave()
        await self.room.broker.stop()


def readings(device: str) -> str:
    return topic(device, "readings")


@asynccontextmanager
async def at_the_web(
    settings: Settings, world: World, other: World, owner: Any, web_db: Database
) -> AsyncIterator[Scene]:
    """Only the doors that speak HTTP."""
    serving = create(msgspec.structs.replace(settings, vendor_secrets=vendors.SECRETS))
    async with AsyncTestClient(serving) as client:
        scene = Scene(world, other, owner, web_db, client)
        with structlog.testing.capture_logs() as log:
            scene.log = log
            yield scene


@asynccontextmanager
async def at_the_broker(scene: Scene, settings: Settings, folder: Path) -> AsyncIterator[Scene]:
    """The broker too, with the bridge behind it and a good neighbour who is heard."""
    scene.folder, scene.authority = folder, open_authority(folder / "authority", datetime.now(UTC))
    scene.room = Room(await mosquitto.start(folder))
    scene.neighbour = await street.neighbour(scene.owner, scene.world)
    people = [(w.device, w.device_secret) for w in (scene.world, scene.other)]
    await street.let_in(scene.room.broker, [*people, (scene.neighbour.device, scene.neighbour.password)])
    broker = scene.room.broker
    on_broker = msgspec.structs.replace(settings, mqtt_url=broker.url_bridge)
    login = (scene.neighbour.device, scene.neighbour.password)
    try:
        async with scene.bridge, at_home(broker.host, broker.port, *login) as scene.probe:
            await scene.bridge.enter_async_context(running_bridge(on_broker, scene.owner))
            yield scene
    finally:
        await scene.close()


def ended(log: str, device: str) -> bool:
    """The broker's log says that a connection of this device's was broken off, not closed by the device."""
    clients = re.findall(rf"as (\S+) \([^)]*u'{re.escape(device)}'", log)
    return any(re.search(rf"(Bad socket read/write on client|Protocol error.*) {re.escape(c)}", log) for c in clients)


async def until(condition: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
