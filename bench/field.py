"""What is measured on: one PostgreSQL and one broker, the crowd of devices, and the bridge as a process of its own."""

import asyncio
import json
import re
import resource
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from bench import town, wire
from bench.programs import Failed, Program, Usage, python, running
from bench.stage import Stage
from devices import topics
from server.db import migrate
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings, mqtt_parts

CROWD_WITHIN_S = 120.0
START_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05
PROBES = 2  # devices beside the crowd whose single readings are timed
BYTES_A_ROW, SPARE_BYTES = 1000, 6_000_000_000
SLOWEST = 200  # a second: what is slower than this has failed
SERVER_SESSIONS = re.compile(r" as (\S+) \(p\d, c\d, k\d+, u'careloop_bridge'\)")

Series = list[tuple[float, int]]


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured. Counts of messages per run; `rows` are stored beforehand for one of the figures."""

    rounds: int = 3
    devices: int = 5000
    drain: int = 100_000
    live: int = 100_000
    per_row: int = 5000
    rows: int = 10_000_000
    people: int = 10_000
    half_load_s: float = 300.0
    warm_up_s: float = 60.0


QUICK = Size(
    rounds=1, devices=50, drain=2500, live=2500, per_row=150, rows=5000, people=100, half_load_s=4.0, warm_up_s=1.0
)


class Store(msgspec.Struct, kw_only=True):
    """One database. Each of the crowd's devices has sent it `sent` readings; `keeps` them when a run begins."""

    settings: Settings
    owner: Any
    sent: int
    keeps: bool


EMPTY = """
    TRUNCATE reading, arrival, finding, finding_evidence, alert, alarm, message, held, quarantine CASCADE
"""
TIDY = "VACUUM (ANALYZE) device_state, sequence_state, reading, arrival, finding, alert, message"
TIDY_STATES = "VACUUM (ANALYZE) device_state, sequence_state"
BEATS = "SELECT count(*) FROM heartbeat WHERE process = 'bridge' AND loop = 'ingest' AND beat_at > $1"


class Field:
    """The stage with its crowd. `rivals` speak to the broker under the bridge's login, with sessions of their own."""

    def __init__(self, stage: Stage, store: Store, size: Size, crowd: Program, say: Callable[[str], None]) -> None:
        self.stage, self.store, self.size, self.crowd, self.say = stage, store, size, crowd, say
        self.folder = stage.folder
        self.worked: dict[str, float] = {}  # by process, of the run that told it last
        self._sign_ins: dict[str, int] = {}
        self.host, self.port, _, self.username, self.password = mqtt_parts(stage.broker.url_bridge)

    async def clean(self, store: Store) -> None:
        """No session holds anything, and the tables are as at every run's beginning."""
        for client_id in self._sessions():
            await asyncio.to_thread(self._session, client_id, clean=True, expiry_s=0)
        if not store.keeps:
            await store.owner.execute(EMPTY)
            await store.owner.execute(TIDY)
        await store.owner.execute(TIDY_STATES)
        await store.owner.execute("CHECKPOINT", timeout=300)

    def _sessions(self) -> set[str]:
        """Who ever signed in with the bridge's login: the broker's log knows."""
        return set(SERVER_SESSIONS.findall(self._broker_log()))

    def _broker_log(self) -> str:
        return (self.folder / "broker" / "mosquitto.log").read_text(errors="replace")

    async def hold_session(self, client_id: str) -> None:
        """From now on the broker keeps readings for this client until it comes."""
        await asyncio.to_thread(self._session, client_id, clean=True, expiry_s=3600, filters=(topics.READINGS,))
        self._sign_ins[client_id] = self._count_sign_ins(client_id)

    def _session(self, client_id: str, *, clean: bool, expiry_s: int, filters: tuple[str, ...] = ()) -> None:
        hello = wire.connect(client_id, self.username or "", self.password or "", clean=clean, expiry_s=expiry_s)
        connection = wire.signed_in(self.host, self.port, hello, filters=filters)
        connection.sendall(wire.DISCONNECT)
        connection.close()

    async def until_connected(self, client_id: str, program: Program) -> None:
        """The rival has signed in, to the session held for it."""
        deadline = time.monotonic() + START_WITHIN_S
        while self._count_sign_ins(client_id) == self._sign_ins[client_id]:
            program.require_alive()
            if time.monotonic() > deadline:
                raise Failed(f"{program.name} did not connect")
            await asyncio.sleep(LOOK_EVERY_S)

    def _count_sign_ins(self, client_id: str) -> int:
        return self._broker_log().count(f" as {client_id} (")

    async def publish(self, store: Store | None, count: int, *, settle: bool = False) -> dict[str, Any]:
        """The crowd sends `count` readings at its fastest; a rival's (no `store`) begin at number 1 again."""
        self.crowd.tell(
            do="publish", count=count, first=store.sent + 1 if store else 1, settle=settle, within_s=self.within(count)
        )
        if store:
            store.sent += -(-count // self.size.devices)
        told = await self.crowd.answer(2 * self.within(count))
        if told["acked"] < count:
            raise Failed(f"the broker took {told['acked']} of {count} messages")
        return told

    def within(self, count: int) -> float:
        return 60.0 + count / SLOWEST

    @asynccontextmanager
    async def bridge(self, store: Store, *, receipts: bool = True, subscribed: bool = True) -> AsyncIterator[Program]:
        """The bridge as `careloop bridge` would start it, or with receipts switched off; by default once it listens."""
        since, settings = datetime.now(UTC), store.settings
        env = {
            "DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url,
            "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
        }  # fmt: skip
        argv = python("server", "bridge") if receipts else python("bench.without_receipts")
        async with running("bridge", argv, self.folder, env) as program:
            deadline = time.monotonic() + START_WITHIN_S
            while subscribed and not await store.owner.fetchval(BEATS, since):
                program.require_alive()
                if time.monotonic() > deadline:
                    raise Failed("the bridge did not reach the broker")
                await asyncio.sleep(LOOK_EVERY_S)
            yield program

    async def watch(self, owner: Any, query: str, since: int, most: int, program: Program) -> Series:
        """How many rows there are beyond `since`, again and again, until there are `most`."""
        series = Series()
        deadline = time.monotonic() + self.within(most)
        while not series or series[-1][1] < most:
            program.require_alive()
            if time.monotonic() > deadline:
                raise Failed(f"{program.name}: {series[-1][1] if series else 0} of {most} came to be rows in time")
            series.append((time.monotonic(), int(await owner.fetchval(query) or 0) - since))
            await asyncio.sleep(LOOK_EVERY_S)
        return series

    def usage(self, program: Program) -> Usage:
        pids = {"broker": self.stage.broker_pid(), "PostgreSQL": self.stage.database_pid(), "crowd": self.crowd.pid}
        return Usage({**pids, program.name: program.pid})


def steady(series: Sequence[tuple[float, int]], most: int) -> float:
    """Messages a second between 5 % and 95 % of `most`, each moment found between the two looks around it."""
    low, high = (_moment(series, most * share) for share in (0.05, 0.95))
    return most * 0.9 / max(high - low, 1e-9)


def _moment(series: Sequence[tuple[float, int]], count: float) -> float:
    before = series[0]
    for at, reached in series:
        if reached >= count:
            grown = reached - before[1]
            return at if grown <= 0 else before[0] + (at - before[0]) * (count - before[1]) / grown
        before = (at, reached)
    raise Failed(f"it ended at {before[1]} of {count:.0f}")


@asynccontextmanager
async def opened(
    folder: Path, size: Size, seed: int, say: Callable[[str], None], probes: int = PROBES
) -> AsyncIterator[Field]:
    """A fresh server and broker, a town of as many patients as devices and probes, the crowd connected."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the crowd and the broker inherit it
    if hard != resource.RLIM_INFINITY and hard < size.devices + 200:
        raise Failed(f"{size.devices} connections need as many open files, and {hard} are allowed (ulimit -Hn)")
    people = size.devices + probes
    logins = town.write_logins(folder / "broker", people)

    async def lend(owner: Any, _: RunningMosquitto) -> list[tuple[str, str]]:
        await town.settle(owner, people, datetime.now(UTC))
        return [tuple(login) for login in json.loads(logins.read_text())]

    async with Stage.open(folder, lend) as stage:
        own = folder / "crowd.json"
        own.write_text(json.dumps(stage.devices[: size.devices]))
        async with running("crowd", python("bench.crowd", str(seed)), folder, talks=True) as crowd:
            crowd.tell(do="connect", host=stage.broker.host, port=stage.broker.port, logins=str(own))
            await crowd.answer(CROWD_WITHIN_S)
            say(f"{size.devices} devices are connected and listen to their receipts")
            store = Store(settings=stage.settings, owner=stage.owner, sent=0, keeps=False)
            yield Field(stage, store, size, crowd, say)


def require_space(folder: Path, size: Size) -> None:
    """`Failed` when the stored readings, their arrivals and the log of writing them would not fit."""
    free, needed = shutil.disk_usage(folder).free, size.rows * BYTES_A_ROW + SPARE_BYTES
    if free < needed:
        raise Failed(f"{needed / 1e9:,.0f} GB are needed in {folder.parent}, {free / 1e9:,.0f} GB are free (--rows)")


@asynccontextmanager
async def with_past(field: Field) -> AsyncIterator[Store]:
    """A second database on the same server with the same homes among many, and a long past."""
    settings = field.stage.settings
    require_space(field.folder, field.size)
    url = urlunsplit(urlsplit(settings.database_url)._replace(path="/careloop_past"))
    await field.stage.owner.execute("CREATE DATABASE careloop_past")
    await migrate.migrate(url, settings.secret_key, datetime.now(UTC))
    owner = await asyncpg.connect(url)
    try:
        people = max(field.size.people, field.size.devices)
        await town.settle(owner, people, datetime.now(UTC))
        sent = await town.remember(owner, people, field.size.rows, datetime.now(UTC), field.say)
        yield Store(settings=msgspec.structs.replace(settings, database_url=url), owner=owner, sent=sent, keeps=True)
    finally:
        await owner.close()
