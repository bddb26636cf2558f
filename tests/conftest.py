"""One PostgreSQL for the whole run, one migrated template, and for each test a database cloned from it."""

import asyncio
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import uvloop

from server.db import migrate, pool
from server.settings import Role, Settings, load
from tests.own_database import in_memory
from tests.world import World, make_world

SECRET = "test-secret-key-0123456789abcdef-0123456789"
FIELD = "test-field-key-0123456789abcdef-0123456789"
TEMPLATE = f"careloop_template_{os.getuid()}_{uuid.uuid4().hex[:8]}"


class Cluster:
    """A PostgreSQL server for one run of the tests; only the process that started it stops it."""

    def __init__(self) -> None:
        from server.ops.embedded import postgres

        self.folder = tempfile.TemporaryDirectory(prefix="careloop-tests-", dir=in_memory())
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(postgres.start(Path(self.folder.name), fast=True))
        self.url = self.server.url

    def stop(self) -> None:
        self.loop.run_until_complete(self.server.stop())
        self.loop.close()
        self.folder.cleanup()


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts PostgreSQL and the template once; xdist's workers inherit the environment.

    Where a shell started us in the background Ctrl-C is ignored, and would be by every program that a test interrupts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if "CARELOOP_TEST_DATABASE_URL" not in os.environ:
        cluster = Cluster()
        config.add_cleanup(cluster.stop)
        os.environ["CARELOOP_TEST_DATABASE_URL"] = cluster.url
        config.add_cleanup(_forget_server)
    os.environ["CARELOOP_TEST_TEMPLATE"] = TEMPLATE
    asyncio.run(_make_template())
    config.add_cleanup(lambda: asyncio.run(_drop(TEMPLATE)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, else one worker ends with the longest of them while the others have nothing."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: much of what a test does is to wait for PostgreSQL, a browser or a clock."""
    return (os.cpu_count() or 1) + 1


def _forget_server() -> None:
    os.environ.pop("CARELOOP_TEST_DATABASE_URL", None)


def in_database(name: str) -> str:
    """The owner's address of one database of the test server."""
    return urlunsplit(urlsplit(os.environ["CARELOOP_TEST_DATABASE_URL"])._replace(path=f"/{name}"))


async def _make_template() -> None:
    await _run(f"CREATE DATABASE {TEMPLATE}")
    await migrate.migrate(in_database(TEMPLATE), SECRET, datetime.now(UTC))


async def _drop(name: str) -> None:
    await _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _run(statement: str) -> None:
    connection = await asyncpg.connect(in_database("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of our processes."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """The owner's address of a fresh, migrated, empty database."""
    name = await _clone()
    yield in_database(name)
    await _drop(name)


@pytest.fixture(scope="module")
def read_only_url() -> Iterator[str]:
    """One such database for all tests of a file, which write nothing."""
    name = asyncio.run(_clone())
    yield in_database(name)
    asyncio.run(_drop(name))


async def _clone() -> str:
    name = f"careloop_test_{uuid.uuid4().hex[:12]}"
    await _run(f"CREATE DATABASE {name} TEMPLATE {os.environ['CARELOOP_TEST_TEMPLATE']} STRATEGY FILE_COPY")
    return name


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a process on that database; there is no broker behind the address."""
    return load(
        {
            "DATABASE_URL": database_url,
            "MQTT_URL": "mqtt://127.0.0.1:1",
            "CARELOOP_SECRET_KEY": SECRET,
            "CARELOOP_FIELD_KEY": FIELD,
            "CARELOOP_PUBLIC_URL": "http://127.0.0.1:8000",
            "CARELOOP_AUDIT_HEAD": str(tmp_path / "audit-heads.jsonl"),
        }
    )


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, for arranging and for looking."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _database(settings: Settings, role: Role) -> pool.Database:
    return await pool.connect(settings.url_for(role), name=f"test {role}", size=6)


@pytest.fixture
async def web_db(settings: Settings) -> AsyncIterator[pool.Database]:
    database = await _database(settings, "web")
    yield database
    await database.close()


@pytest.fixture
async def bridge_db(settings: Settings) -> AsyncIterator[pool.Database]:
    database = await _database(settings, "bridge")
    yield database
    await database.close()


@pytest.fixture
async def worker_db(settings: Settings) -> AsyncIterator[pool.Database]:
    database = await _database(settings, "worker")
    yield database
    await database.close()


@pytest.fixture
async def world(owner: asyncpg.Connection) -> World:
    """One organization with a clinic, a team, a nurse on shift, a patient with a cuff on loan, and rules."""
    return await make_world(owner, "Aspen")


@pytest.fixture
async def other_world(owner: asyncpg.Connection) -> World:
    """A second organization, of which the first must learn nothing."""
    return await make_world(owner, "Birch")


@pytest.fixture(autouse=True)
def _no_stray_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not steer the tests."""
    for name in ("DATABASE_URL", "MQTT_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SENDER"):
        monkeypatch.delenv(name, raising=False)
