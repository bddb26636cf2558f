"""The demo: a living clinic on this machine, with its own database, broker, text messages and homes, gone at Ctrl-C."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console

from devices import credentials
from server import settings as settings_of
from server.db import migrate, pool
from server.db.pool import Who
from server.errors import CareloopError, Conflict, Unavailable
from server.ops import demo_files, demo_serve, env_file
from server.ops.broker import require_broker
from server.ops.demo_files import Secrets
from server.ops.embedded import mosquitto, ports, postgres
from server.ops.embedded.keeper import kept
from server.ops.world import build, clinic
from server.ops.world.build import World
from server.ops.world.cast import SENDER
from server.people import organizations
from server.settings import Settings

HOST = "127.0.0.1"
FIRST_PORT = 8000
SERVICE = Who(principal="service:demo")
OWN = ("DATABASE_URL", "MQTT_", "TWILIO_", "CARELOOP_")
Say = Callable[[str], None]


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was asked for."""

    ready_file: Path | None
    simulate: bool
    port: int | None
    data: Path


class Stopped(Exception):
    """Told to stop before everything ran."""


async def run(wishes: Wishes) -> int:
    """Serve until told to stop; the exit code. Whatever happens, nothing started here stays."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _forget_ready(wishes.ready_file)
    try:
        return await _run(wishes, stop)
    except Stopped:
        return 0
    finally:
        _forget_ready(wishes.ready_file)


async def _run(wishes: Wishes, stop: asyncio.Event) -> int:
    port = choose_port(wishes.port)
    demo_files.make_folder(wishes.data)
    say = _teller()
    async with AsyncExitStack() as running:
        settings = await _unless(stop, running.enter_async_context(_services(wishes, port, say)))
        world = await _unless(stop, _prepare(settings, wishes, say))
        sms_port = ports.kept_port(wishes.data / "sms.port")
        may_simulate = await _unless(stop, _let_in(settings, world, say)) and wishes.simulate
        ready = demo_serve.ready(settings, world, sms_port)
        children = demo_serve.children(settings, wishes.data, sms_port, simulate=may_simulate)
        return await demo_serve.serve(children, ready, settings, wishes.ready_file, wishes.data, stop)


async def _unless(stop: asyncio.Event, work):  # type: ignore[no-untyped-def]
    """The work's result, or `Stopped` as soon as we are told to stop: the work is cancelled and cleans up."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            raise Stopped
        return task.result()
    finally:
        stopping.cancel()


def choose_port(asked: int | None) -> int:
    """The asked one, which must be free; else 8000 or the next that is."""
    if asked is not None:
        if not ports.port_is_free(asked, HOST):
            raise Unavailable(f"Port {asked} is in use or may not be opened. Choose another one with --port.")
        return asked
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        if ports.port_is_free(port, HOST):
            return port
    return ports.free_port(HOST)


@asynccontextmanager
async def _services(wishes: Wishes, port: int, say: Say) -> AsyncIterator[Settings]:
    """Database and broker, ours unless the environment names others; the settings that lead to them."""
    secrets = demo_files.secrets_in(wishes.data)
    async with AsyncExitStack() as running:
        database_url = settings_of.read(os.environ, "DATABASE_URL")
        mqtt_url = settings_of.read(os.environ, "MQTT_URL")
        admin_url = settings_of.read(os.environ, "MQTT_ADMIN_URL")
        if mqtt_url:
            await require_broker(mqtt_url)
        if database_url:
            await organizations.already_in(database_url)  # answers, or says what is wrong with the address
        else:
            say("PostgreSQL")
            server = await running.enter_async_context(kept(partial(postgres.start, wishes.data), "PostgreSQL", say))
            database_url = server.url
        if not mqtt_url:
            say("Mosquitto")
            broker = await running.enter_async_context(kept(partial(mosquitto.start, wishes.data), "Mosquitto", say))
            mqtt_url, admin_url = broker.url_bridge, broker.url_admin
        yield _settings(database_url, mqtt_url, admin_url, secrets, wishes, port)


def _settings(
    database_url: str, mqtt_url: str, admin_url: str | None, secrets: Secrets, wishes: Wishes, port: int
) -> Settings:
    """Only ours: a provider's login in the environment must not make the demo text real people.

    They go into our own environment, and from there to our children.
    """
    sms = f"http://{HOST}:{ports.kept_port(wishes.data / 'sms.port')}"
    ours = {
        "DATABASE_URL": database_url,
        "MQTT_URL": mqtt_url,
        "MQTT_ADMIN_URL": admin_url or "",
        "CARELOOP_PUBLIC_URL": f"http://{HOST}:{port}",
        "CARELOOP_HOST": HOST,
        "CARELOOP_PORT": str(port),
        "CARELOOP_SECRET_KEY": secrets.secret_key,
        "CARELOOP_FIELD_KEY": secrets.field_key,
        "CARELOOP_DEMO": "1",
        "CARELOOP_LOG_JSON": "1",
        "CARELOOP_AUDIT_HEAD": str((wishes.data / "audit-heads.jsonl").absolute()),
        "TWILIO_ACCOUNT_SID": secrets.twilio_sid,
        "TWILIO_AUTH_TOKEN": secrets.twilio_token,
        "TWILIO_SENDER": SENDER,
        "TWILIO_API_URL": sms,
    }
    for name in [name for name in os.environ if name.startswith(OWN)]:
        del os.environ[name]
    os.environ.update(ours)
    demo_files.write_private(wishes.data / "careloop.env", env_file.render(ours).encode())
    return settings_of.load(ours)


async def _prepare(settings: Settings, wishes: Wishes, say: Say) -> World:
    """Migrate, make the world if it is not there, and see to it that somebody is on shift."""
    now = datetime.now(UTC)
    await migrate.migrate(settings.database_url, settings.secret_key, now)
    world, found = demo_files.world_in(wishes.data), await _organizations(settings)
    if world is None or world.organization not in {one.id for one in found}:
        if found:
            await _begin_anew(settings, wishes, found, now)
        say("inventing a clinic and sixty days of readings")
        password = demo_files.secrets_in(wishes.data).password
        world = await build.build(settings, password, now, say)
        demo_files.keep_world(wishes.data, world)
    await _keep_shifts(settings, world, now)
    return world


async def _organizations(settings: Settings) -> list[organizations.Organization]:
    database = await pool.connect(settings.url_for("worker"), name="demo", size=1)
    try:
        async with database.transaction(SERVICE) as db:
            return await organizations.list_all(db)
    finally:
        await database.close()


EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


async def _begin_anew(
    settings: Settings, wishes: Wishes, found: list[organizations.Organization], now: datetime
) -> None:
    """What an interrupted first start left in our own database is thrown away; nobody else's ever is."""
    if not (wishes.data / "postgres").exists():
        kind = "another demo, made from another folder" if all(one.demo for one in found) else "a real organization"
        raise Conflict(f"The database in DATABASE_URL holds {kind}. Give the demo an empty one.")
    owner = await asyncpg.connect(settings.database_url)
    try:
        await owner.execute(EMPTY)
    finally:
        await owner.close()
    await migrate.migrate(settings.database_url, settings.secret_key, now)


async def _keep_shifts(settings: Settings, world: World, now: datetime) -> None:
    database = await pool.connect(settings.url_for("web"), name="demo", size=1)
    try:
        who = Who(principal=clinic.PRINCIPAL, organization=world.organization)
        await clinic.keep_shifts(database, who, now, now)
    finally:
        await database.close()


async def _let_in(settings: Settings, world: World, say: Say) -> bool:
    """The broker knows every device. False when it is not ours to tell: then homes cannot be simulated."""
    if settings.mqtt_admin_url is None:
        say("MQTT_ADMIN_URL is not set, so devices are not let in at your broker and no homes are simulated")
        return False
    security = credentials.DynamicSecurity(settings.mqtt_admin_url)
    wanted = {home.id: home.password for home in world.homes} | {world.device.id: world.device.password}
    try:
        known = {one.device_id for one in await security.list()}
        missing = sorted(set(wanted) - known)
        for device in missing:
            await security.grant(device, wanted[device])
    except credentials.Refusal as refusal:
        raise Unavailable(f"The broker does not let devices in: {refusal.reason}") from None
    return True


def _teller() -> Say:
    console = Console(stderr=True, highlight=False)
    began = asyncio.get_running_loop().time()

    def say(what: str) -> None:
        seconds = asyncio.get_running_loop().time() - began
        console.print(f"[dim]{seconds:5.1f} s[/dim]  {what}")

    return say


def _forget_ready(path: Path | None) -> None:
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise CareloopError(f"There is no folder {path.absolute().parent} for the ready file.")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CareloopError(f"The ready file {path} cannot be replaced ({error.strerror}).") from None
