"""The demo's processes: which they are, when all of them serve, and what of their words is shown."""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console

from server.db.pool import AWAY
from server.errors import Unavailable
from server.ops import demo_files, supervise, welcome
from server.ops.demo_files import Ready
from server.ops.supervise import Child
from server.ops.world.build import World
from server.settings import Settings, mqtt_parts

HOST = "127.0.0.1"
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 6.0
TEXTS_WITHIN_S = 30.0
TROUBLE = (
    "ended with code",
    "was killed by",
    "did not stop within",
    '"level": "error"',
    '"level":"error"',
    "careloop: ",
)


def children(settings: Settings, data: Path, sms_port: int, *, simulate: bool) -> list[Child]:
    """In the order in which they stop: what makes readings first; the last one takes texts and starts first."""
    twilio = settings.twilio
    if twilio is None:
        raise RuntimeError("the demo always has a provider of texts")
    login = ("--account-sid", twilio.account_sid, "--auth-token", twilio.auth_token, "--sender", twilio.sender)
    standin = ("--host", HOST, "--port", str(sms_port), *login, "--webhook-base", settings.public_url)
    python = (sys.executable, "-m")
    homes = Child(name="homes", argv=(*python, "server", "simulate", "--homes", str(data / "homes.json")))
    return [
        *([homes] if simulate else []),
        Child(name="web", argv=(*python, "server", "web")),
        Child(name="bridge", argv=(*python, "server", "bridge")),
        Child(name="worker", argv=(*python, "server", "worker")),
        Child(name="auditor", argv=(*python, "server", "auditor")),
        Child(name="standin", argv=(*python, "notifications.standin", *standin)),
    ]


def ready(settings: Settings, world: World, sms_port: int) -> Ready:
    host, port, *_ = mqtt_parts(settings.mqtt_url)
    return Ready(
        base_url=settings.public_url,
        mqtt_host=host,
        mqtt_port=port,
        database_url=settings.url_for("backup"),
        sign_ins=world.sign_ins,
        device=world.device,
        sms_url=f"http://{HOST}:{sms_port}",
    )


async def serve(
    children: list[Child], ready: Ready, settings: Settings, ready_file: Path | None, data: Path, stop: asyncio.Event
) -> int:
    """Keep the children running until told to stop; the welcome and the ready file come once all of them serve."""
    logs = _Logs(data / "logs")
    started = datetime.now(UTC)
    *ours, standin = children
    try:
        async with _kept([standin], asyncio.Event(), logs, data / "standin.pid", 1.5) as texts:
            there = await _until(lambda: _status(ready.sms_url, "/messages") == 200, stop, texts)
            if not there and not stop.is_set():
                raise Unavailable(f"The stand-in for text messages does not answer. See {data}/logs/standin.log.")
            async with _kept(ours, stop, logs, data / "pids.json", STOP_WITHIN_S) as supervised:
                if await _until_serving(settings, ready, started, stop, supervised):
                    if ready_file:
                        demo_files.write_private(ready_file, msgspec.json.encode(ready))
                    welcome.show(ready, data, simulating=any(child.name == "homes" for child in children))
                elif not stop.is_set():
                    raise Unavailable(f"Not everything is serving after {READY_WITHIN_S:.0f} s. See {data}/logs.")
                return await supervised
    finally:
        logs.close()


@asynccontextmanager
async def _kept(
    children: list[Child], stop: asyncio.Event, logs: "_Logs", pids: Path, stop_within_s: float
) -> AsyncIterator["asyncio.Future[int]"]:
    """The children run inside the block; after it none does."""
    running = asyncio.ensure_future(
        supervise.run(children, stop, on_line=logs.write, pids_file=pids, stop_within_s=stop_within_s)
    )
    try:
        yield running
    finally:
        stop.set()
        await running


async def _until_serving(
    settings: Settings, ready: Ready, started: datetime, stop: asyncio.Event, supervised: "asyncio.Future[int]"
) -> bool:
    """True once pages, bridge, worker and texts are there; False when told to stop, or too late."""

    def pages_answer() -> bool:
        return _status(ready.base_url, "/health/ready") == 200

    if not await _until(pages_answer, stop, supervised):
        return False
    if not await _until_so(lambda far: far.beating, settings, started, stop, READY_WITHIN_S):
        return False
    # The reminders of this start are delivered before anybody looks: what comes later is the visitor's doing.
    await _until_so(lambda far: far.reminded, settings, started, stop, TEXTS_WITHIN_S)
    return not stop.is_set()


async def _until(answers: Callable[[], bool], stop: asyncio.Event, running: "asyncio.Future[int]") -> bool:
    """True once it answers; False when told to stop, when what runs has ended, or too late."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_WITHIN_S
    while not stop.is_set() and not running.done() and loop.time() < deadline:
        if await asyncio.to_thread(answers):
            return True
        await _pause(stop)
    return False


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), 0.1)


def _status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class _Far(msgspec.Struct, frozen=True, kw_only=True):
    """How far a start has come: bridge (with its broker) and worker live; its reminders are delivered."""

    beating: bool = False
    reminded: bool = False


HOW_FAR = """
    SELECT (SELECT count(DISTINCT process) = 2 FROM heartbeat
             WHERE beat_at >= $1 AND process IN ('bridge', 'worker') AND loop <> 'ingest_without_broker') AS beating,
           EXISTS (SELECT FROM heartbeat WHERE process = 'worker' AND loop = 'reminders' AND beat_at >= $1)
           AND NOT EXISTS (SELECT FROM reminder WHERE status = 'planned' AND due_at <= now())
           AND NOT EXISTS (SELECT FROM message
                            WHERE status IN ('queued', 'sending', 'sent') AND not_before <= now()) AS reminded
"""


async def _how_far(settings: Settings, started: datetime) -> _Far:
    """Nowhere while the database is away."""
    try:
        database = await asyncpg.connect(settings.url_for("backup"), timeout=5)
        try:
            row = await database.fetchrow(HOW_FAR, started)
            return _Far(**dict(row)) if row else _Far()
        finally:
            await database.close()
    except (*AWAY, asyncpg.PostgresError):
        return _Far()


async def _until_so(
    so: Callable[[_Far], bool], settings: Settings, started: datetime, stop: asyncio.Event, within_s: float
) -> bool:
    """True once it is so; False when told to stop, or too late."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not stop.is_set() and asyncio.get_running_loop().time() < deadline:
        if so(await _how_far(settings, started)):
            return True
        await _pause(stop)
    return False


class _Logs:
    """Children's words go to files; only trouble is shown, so that the welcome stays readable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._files: dict[str, int] = {}

    def write(self, name: str, line: str) -> None:
        if name not in self._files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._files[name] = os.open(self._folder / f"{name}.log", flags, 0o600)
        os.write(self._files[name], f"{line}\n".encode())
        if any(sign in line for sign in TROUBLE):
            self._console.print(f"{name}: {line}", markup=False)

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()
