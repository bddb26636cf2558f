"""Simulated homes over the real broker and bridge: each reading is sent until its receipt, once stored."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from devices.bodies import Body
from devices.credentials import DynamicSecurity
from devices.simulator import Broker, Home, Pace, Sent, run
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.homes import at_home
from tests.test_bridge import broker, on_broker, running_bridge
from tests.world import World

__all__ = ["broker", "on_broker"]
FAST = Pace(every_s=0.01, first_crossing_s=0, crossing_every_s=3600, readings=4)


def home_of(world: World) -> Home:
    return Home(
        id=world.device, password=world.device_secret, zone="America/New_York", kinds=("blood_pressure",),
        crossing="blood_pressure", body=Body(),
    )  # fmt: skip


async def simulate(world: World, at: RunningMosquitto, pace: Pace, may_cross: list[str]) -> list[Sent]:
    told: list[Sent] = []

    async def allowed() -> list[str]:
        return may_cross

    await run(
        [home_of(world)], Broker(host=at.host, port=at.port), pace, seed=1, clock=lambda: datetime.now(UTC),
        may_cross=allowed, tell=told.append, stop=asyncio.Event(),
    )  # fmt: skip
    return told


async def test_every_reading_gets_its_receipt_and_one_crossing_an_alert(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    await DynamicSecurity(broker.url_admin).grant(world.device, world.device_secret)
    async with running_bridge(on_broker, owner):
        told = await simulate(world, broker, FAST, [world.device])
    assert [(sent.seq, sent.fate) for sent in told] == [(1, "stored"), (2, "stored"), (3, "stored"), (4, "stored")]
    assert [sent.crossing for sent in told] == [True, False, False, False]
    assert await owner.fetchval("SELECT count(*) FROM reading") == 4
    assert await owner.fetchval("SELECT count(*) FROM alert") == 1
    assert await owner.fetchval("SELECT online FROM device_state WHERE device_id = $1", world.device) is True


async def test_homes_that_may_not_cross_stay_calm(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    await DynamicSecurity(broker.url_admin).grant(world.device, world.device_secret)
    async with running_bridge(on_broker, owner):
        told = await simulate(world, broker, FAST, [])
    assert not any(sent.crossing for sent in told)
    assert await owner.fetchval("SELECT count(*) FROM alert") == 0


async def test_a_broker_that_is_away_is_silence_and_not_an_end(world: World, broker: RunningMosquitto) -> None:
    class Nowhere:
        host, port = "127.0.0.1", 1

    told = await simulate(world, Nowhere(), msgspec.structs.replace(FAST, readings=2), [])  # type: ignore[arg-type]
    assert [sent.fate for sent in told] == ["silent", "silent"]


async def test_a_message_at_qos_0_does_not_cost_the_bridge_its_connection(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    """A device's status needs no acknowledgement; giving one is a protocol error, and the broker hangs up."""
    await DynamicSecurity(broker.url_admin).grant(world.device, world.device_secret)
    async with (
        at_home(broker.host, broker.port, world.device, world.device_secret) as home,
        running_bridge(on_broker, owner),
    ):
        home.client.publish(f"careloop/v1/{world.device}/status", b'{"online":true}', qos=0)
        for seq in (1, 2):
            home.send({"seq": seq, "kind": "blood_pressure", "systolic": 120 + seq, "diastolic": 80})
            await home.until_settled([seq])
    assert "protocol error" not in broker_log(broker).read_text()


def broker_log(running: RunningMosquitto) -> Path:
    return running._service.log  # the broker's own words are the only witness
