"""Ingestion: how fast the bridge drains a full broker, beside a bare MQTT client; a reading beside a bare commit."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.stage import Stage
from devices import topics
from devices.intake import Publish
from server import bridge
from server.db import pool
from server.flows import reading
from server.flows.page import Told

MESSAGES = 20_000
COMMITS = 200
CROSSING = 0.02  # of the readings open or extend an alert

RECEIVED = "SELECT sum(received_count) FROM device_state"
YARDSTICK = "INSERT INTO heartbeat VALUES ('bench', $1, 'bench', now())"


async def measure(stage: Stage, rounds: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Ratios, each with the rates per second of every round."""
    chance = random.Random(seed)
    rates: dict[str, list[float]] = {name: [] for name in ("bridge", "paho_noop", "handle", "bare_commit")}
    sequence = 0
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: {MESSAGES} messages drained by the bridge, then by a bare client")
        rates["bridge"].append(await _drain_bridge(stage, chance, sequence))
        rates["paho_noop"].append(await _drain_noop(stage, chance, sequence))
        rates["handle"].append(await _handle(stage, chance, sequence))
        rates["bare_commit"].append(await _bare_commit(stage))
        sequence += 2 * MESSAGES
    return {
        "drain_over_paho_noop": _ratio(rates, "bridge", "paho_noop"),
        "reading_over_bare_commit": _ratio(rates, "handle", "bare_commit"),
    }


def _ratio(rates: dict[str, list[float]], ours: str, yardstick: str) -> dict[str, Any]:
    value = median(a / b for a, b in zip(rates[ours], rates[yardstick], strict=True))
    return {"value": round(value, 3), "of": {name: [round(r, 1) for r in rates[name]] for name in (ours, yardstick)}}


def _entry(seq: int, chance: random.Random) -> bytes:
    entry = {
        "seq": seq, "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat(),
        "systolic": 185 if chance.random() < CROSSING else chance.randint(105, 155), "diastolic": 80,
    }  # fmt: skip
    return json.dumps(entry).encode()


async def _drain_bridge(stage: Stage, chance: random.Random, after: int) -> float:
    stop = asyncio.Event()
    await _once_subscribed(stage)
    await _publish(stage, chance, after)
    before = await stage.owner.fetchval(RECEIVED)
    started = time.perf_counter()
    running = asyncio.create_task(bridge.run(stage.settings, stop))
    while await stage.owner.fetchval(RECEIVED) < before + MESSAGES:
        await asyncio.sleep(0.05)
    rate = MESSAGES / (time.perf_counter() - started)
    stop.set()
    await running
    return rate


async def _once_subscribed(stage: Stage) -> None:
    """Run the bridge until it is subscribed, so that the broker keeps what is published next."""
    stop, since = asyncio.Event(), datetime.now(UTC)
    running = asyncio.create_task(bridge.run(stage.settings, stop))
    while not await stage.owner.fetchval(
        "SELECT count(*) FROM heartbeat WHERE loop = 'ingest' AND beat_at > $1", since
    ):
        await asyncio.sleep(0.02)
    stop.set()
    await running


async def _publish(stage: Stage, chance: random.Random, after: int) -> None:
    """Each device sends its share, one reading a message, and waits for the broker's word."""
    share = MESSAGES // len(stage.devices)
    await asyncio.gather(
        *(asyncio.to_thread(_send, stage, device, password, [_entry(after + n, chance) for n in range(1, share + 1)])
          for device, password in stage.devices)
    )  # fmt: skip


def _send(stage: Stage, device: str, password: str, payloads: list[bytes]) -> None:
    client = Client(CallbackAPIVersion.VERSION2, f"bench-{device}", protocol=MQTTv5)
    client.username_pw_set(device, password)
    client.connect(stage.broker.host, stage.broker.port)
    client.loop_start()
    last = [client.publish(topics.topic(device, "readings"), payload, qos=1) for payload in payloads][-1]
    last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


async def _drain_noop(stage: Stage, chance: random.Random, after: int) -> float:
    """A bare paho client under its own durable session: acknowledges at once and does nothing."""
    await asyncio.to_thread(_noop, stage, 0)
    await _publish(stage, chance, after + MESSAGES)
    return MESSAGES / await asyncio.to_thread(_noop, stage, MESSAGES)


def _noop(stage: Stage, most: int) -> float:
    parts, counted = urlsplit(stage.broker.url_bridge), [0]
    client = Client(CallbackAPIVersion.VERSION2, "bench-noop", protocol=MQTTv5)
    client.username_pw_set(parts.username or "", parts.password)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    subscribed: list[int] = []

    def on_message(*_: object) -> None:
        counted[0] += 1

    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe(topics.READINGS, qos=1)
    client.on_subscribe = lambda *_: subscribed.append(1)
    started = time.perf_counter()
    client.connect(stage.broker.host, stage.broker.port, clean_start=False, properties=properties)
    client.loop_start()
    while not subscribed or counted[0] < most:
        time.sleep(0.005)
    took = time.perf_counter() - started
    client.disconnect()
    client.loop_stop()
    return took


async def _handle(stage: Stage, chance: random.Random, after: int) -> float:
    """One reading at a time through the whole flow, each committed."""
    database = await pool.connect(stage.settings.url_for("bridge"), name="bench", size=1)
    told = Told(public_url=stage.settings.public_url, field_key=stage.settings.field_key)
    sender, started = stage.devices[0][0], time.perf_counter()
    for n in range(COMMITS):
        payload = _entry(10_000_000 + after + n, chance)
        publish = Publish(sender=sender, payload=payload, topic=topics.topic(sender, "readings"))
        async with database.transaction(bridge.WHO) as db:
            await reading.handle(db, [publish], datetime.now(UTC), told)
    rate = COMMITS / (time.perf_counter() - started)
    await database.close()
    return rate


async def _bare_commit(stage: Stage) -> float:
    started = time.perf_counter()
    for n in range(COMMITS):
        await stage.owner.execute(YARDSTICK, f"{started}-{n}")
    return COMMITS / (time.perf_counter() - started)
