"""At half of its live rate for minutes: how long a reading takes beside a bare commit, and whether memory grows."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec
import psutil

from bench import wire
from bench.field import PROBES, Field
from bench.programs import Failed, Program, both
from devices import topics

ANSWER_WITHIN_S = 60.0
LOOK_EVERY_S = 0.001
SAMPLES = 48  # of memory
SETTLED = 5  # of them, whose median is taken at either end

Milliseconds = list[float]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Medians in milliseconds, of each third of the time after the warm-up; memory in MB, from its end on."""

    commit_ms: Milliseconds
    receipt_ms: Milliseconds
    bare_commit_ms: Milliseconds
    rss_mb: list[float]
    rate: float

    @property
    def growth_mb(self) -> float:
        return median(self.rss_mb[-SETTLED:]) - median(self.rss_mb[:SETTLED])


async def measure(field: Field, live_rate: float) -> Found:
    """One bridge under a steady crowd; memory is sampled and single readings are timed beside bare commits."""
    rate, seconds, store = live_rate / 2, field.size.half_load_s, field.store
    await field.clean(store)
    await store.owner.execute(YARDSTICK_TABLE)
    async with field.bridge(store) as bridge:
        field.crowd.tell(do="pace", rate=rate, first=store.sent + 1, seconds=seconds, within_s=120.0)
        store.sent += -(-int(rate * seconds) // field.size.devices)
        await asyncio.sleep(field.size.warm_up_s)
        bridge.require_alive()
        over = time.monotonic() + seconds - field.size.warm_up_s
        memory, times = await both(_memory(bridge, over), _times(field, over))
        told = await field.crowd.answer(seconds + 240)
    if told["stored"] != told["sent"]:
        raise Failed(f"{told['stored']} of {told['sent']} readings have a receipt saying stored")
    if told["sent_at"] - told["started"] > seconds * 1.1:
        raise Failed(f"the crowd could not send {rate:.0f} a second")
    return Found(rss_mb=memory, rate=told["sent"] / (told["sent_at"] - told["started"]), **_thirds(times))


async def _memory(bridge: Program, over: float) -> list[float]:
    samples, pause = [], (over - time.monotonic()) / SAMPLES
    while time.monotonic() < over:
        bridge.require_alive()
        samples.append(round(psutil.Process(bridge.pid).memory_info().rss / 1e6, 1))
        await asyncio.sleep(pause)
    return samples


YARDSTICK_TABLE = "CREATE TABLE IF NOT EXISTS bench_commit (id bigint PRIMARY KEY, at timestamptz NOT NULL)"
YARDSTICK = "INSERT INTO bench_commit VALUES ($1, now())"
IS_THERE = "SELECT 1 FROM arrival WHERE device_id = $1 AND epoch = 0 AND key = $2"


async def _times(field: Field, over: float) -> dict[str, list[tuple[float, float]]]:
    """(when, milliseconds) of each; one after the other, so that each kind meets the same load."""
    owner, pause = field.store.owner, random.Random(0)
    found: dict[str, list[tuple[float, float]]] = {"commit_ms": [], "receipt_ms": [], "bare_commit_ms": []}

    async def timed(name: str, what: Awaitable[object]) -> None:
        started = time.perf_counter()
        await asyncio.wait_for(what, ANSWER_WITHIN_S)
        found[name].append((time.monotonic(), (time.perf_counter() - started) * 1000))

    first, second = field.stage.devices[-PROBES:]
    async with probe(field, *first, listens=True) as receipted, probe(field, *second, listens=False) as committed:
        number = 0
        while time.monotonic() < over:
            number += 1
            await timed("receipt_ms", receipted.until_receipt(number))
            await timed("bare_commit_ms", owner.execute(YARDSTICK, 2 * number))
            await timed("commit_ms", committed.until_row(owner, number))
            await timed("bare_commit_ms", owner.execute(YARDSTICK, 2 * number + 1))
            await asyncio.sleep(pause.uniform(0, 0.05))  # so that no rhythm is kept with the batches
    return found


class Probe:
    """One device that sends one reading at a time, and waits for what becomes of it."""

    def __init__(self, device: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.device, self.reader, self.writer = device, reader, writer

    def send(self, number: int, systolic: int = 128) -> None:
        reading = {
            "seq": number, "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat(), "systolic": systolic,
            "diastolic": 80, "pulse": 71, "unit": "mm[Hg]",
        }  # fmt: skip
        topic = wire.topic_bytes(topics.topic(self.device, "readings"))
        self.writer.write(wire.publish(topic, number % 65535 + 1, json.dumps(reading).encode()))

    async def until_receipt(self, number: int) -> None:
        self.send(number)
        rest = b""
        while True:
            more = await self.reader.read(65536)
            if not more:
                raise Failed("the broker hung up on a probe")
            data, end = rest + more, 0
            for command, start, end in wire.packets(data):
                if command == wire.PUBLISH:
                    mid, payload = wire.received(data, start, end)
                    self.writer.write(wire.puback(mid))
                    if number in json.loads(payload)["stored"]:
                        return
            rest = data[end:]

    async def until_row(self, owner: Any, number: int) -> None:
        """Seen by another connection: a row is there once its transaction has committed."""
        self.send(number)
        while not await owner.fetchval(IS_THERE, self.device, str(number)):
            await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def probe(field: Field, device: str, password: str, *, listens: bool) -> AsyncIterator[Probe]:
    filters = (topics.topic(device, "receipts"),) if listens else ()
    hello = wire.connect(f"home-{device}", device, password)
    connection = await asyncio.to_thread(wire.signed_in, field.host, field.port, hello, filters=filters)
    connection.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        yield Probe(device, reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def _thirds(times: dict[str, list[tuple[float, float]]]) -> dict[str, Milliseconds]:
    """The median of each third of the time."""
    begin = min(samples[0][0] for samples in times.values())
    length = (max(samples[-1][0] for samples in times.values()) - begin) / 3 or 1.0
    thirds: dict[str, list[Milliseconds]] = {name: [[], [], []] for name in times}
    for name, samples in times.items():
        for at, took in samples:
            thirds[name][min(int((at - begin) / length), 2)].append(took)
    return {name: [round(median(part), 3) for part in parts if part] for name, parts in thirds.items()}
