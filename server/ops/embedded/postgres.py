"""A PostgreSQL of our own in one folder: durable, reachable only from this machine, gone when we go."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
from pathlib import Path

import asyncpg
import msgspec

from server.db.pool import AWAY, Db
from server.errors import BadSetting, Unavailable
from server.ops import tether
from server.ops.embedded import pg_binaries, ports, process

OWNER = DATABASE = "careloop"
START_WITHIN_S = 60.0  # a crash may have left much to replay
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
# What a statement or a constraint says may hold a phone number: the log keeps neither.
QUIET = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}
# Given on the command line, so that neither postgresql.conf nor ALTER SYSTEM outranks them.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path longer than 107 bytes would fail
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    **DURABLE,
    **QUIET,
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is started where, and as whom. `fast` gives up durability."""

    directory: Path
    binaries: Path
    run_as: str
    password: str
    fast: bool

    @property
    def cluster(self) -> Path:
        return self.directory / "postgres"

    def settings(self, port: int) -> list[str]:
        chosen = {**SETTINGS, **(FAST if self.fast else {}), "port": str(port)}
        return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


class RunningPostgres:
    """The server, and the owner's address of its database `careloop`."""

    def __init__(self, service: process.Service, url: str) -> None:
        self.url = url
        self._service = service

    @property
    def process(self) -> asyncio.subprocess.Process:
        return self._service.process

    async def stop(self) -> None:
        """End open transactions and write a checkpoint; after 8 s without that."""
        await self._service.stop((signal.SIGINT, 8.0), (signal.SIGQUIT, 1.5))


async def start(directory: Path, *, fast: bool = False) -> RunningPostgres:
    """Serve the cluster in `directory`/postgres, made if missing. `fast` gives up durability: tests only.

    Call it from the main thread's event loop (see `tether`). `Conflict` if another one serves this folder.
    """
    held = await process.lock(directory / "postgres.lock")
    try:
        plan = _plan(directory, fast)
        if not plan.cluster.exists():
            await _create(plan)
        return await _serve(plan, held)
    except BaseException:
        held.release()
        raise


def _plan(directory: Path, fast: bool) -> Plan:
    directory = directory.absolute()
    cluster = directory / "postgres"
    binaries = pg_binaries.find(cluster)
    return Plan(
        directory=directory,
        binaries=binaries,
        run_as=pg_binaries.identity(binaries, directory, cluster),
        password=_password(directory / "postgres.password", cluster),
        fast=fast,
    )


async def _serve(plan: Plan, held: process.Lock) -> RunningPostgres:
    # We hold the lock, so no process of this cluster lives: a pid left here is some stranger's by now.
    (plan.cluster / "postmaster.pid").unlink(missing_ok=True)
    port = ports.kept_port(plan.directory / "postgres.port")
    service = await process.launch(
        [str(plan.binaries / "postgres"), "-D", str(plan.cluster), *plan.settings(port)],
        name="PostgreSQL",
        log=plan.directory / "postgres.log",
        held=held,
        death=signal.SIGINT,
        run_as=plan.run_as,
        env=_environment(),
    )
    server = f"postgresql://{OWNER}:{plan.password}@127.0.0.1:{port}"
    await service.until_ready(lambda: _database_exists(server), START_WITHIN_S)
    return RunningPostgres(service, f"{server}/{DATABASE}")


CREATE = "CREATE DATABASE careloop"


async def _database_exists(server: str) -> bool:
    """Make our database on the first start; False while the server is not up yet, or went down meanwhile."""
    try:
        connection = await asyncpg.connect(f"{server}/postgres", timeout=5, ssl=False)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(CREATE)
        finally:
            await connection.close()
    except asyncpg.InvalidPasswordError:
        raise BadSetting("postgres.password does not fit this data. Restore it from a backup.") from None
    except AWAY:
        return False
    return True


async def _create(plan: Plan) -> None:
    """initdb beside the final place, then one rename: a cluster is there wholly or not at all."""
    unfinished, secret = plan.directory / "postgres.unfinished", plan.directory / "postgres.initdb"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    process.write_private(secret, plan.password)
    pg_binaries.hand_over([unfinished, secret], plan.run_as)
    try:
        await _initdb(plan, ["-D", str(unfinished), f"--pwfile={secret}"])
    finally:
        secret.unlink()
    unfinished.rename(plan.cluster)


async def _initdb(plan: Plan, where: list[str]) -> None:
    options = ["-U", OWNER, "--auth=scram-sha-256", "-E", "UTF8", "--data-checksums"]
    options += [*_locale(plan), *(["--no-sync"] if plan.fast else [])]
    initdb = await asyncio.create_subprocess_exec(
        *tether.command([str(plan.binaries / "initdb"), *where, *options], signal.SIGTERM, plan.run_as),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(),
        start_new_session=True,
    )
    try:
        output, _ = await initdb.communicate()
    finally:
        if initdb.returncode is None:
            initdb.kill()
            await initdb.wait()
    if initdb.returncode != 0:
        says = output.decode(errors="replace")[-600:].strip()
        raise Unavailable(f"PostgreSQL could not make its data folder in {plan.directory}: {says}")


def _locale(plan: Plan) -> list[str]:
    if pg_binaries.version_of(plan.binaries) >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]  # C.UTF-8 is not on every system


def _environment() -> dict[str, str]:
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}


def _password(file: Path, cluster: Path) -> str:
    """The owner's password, kept in `file`."""
    with contextlib.suppress(FileNotFoundError):
        return file.read_text(encoding="ascii").strip()
    if cluster.exists():
        raise BadSetting(f"{file} is missing, and with it the way into {cluster}. Restore it from a backup.")
    password = secrets.token_hex(24)
    process.write_private(file, password)
    return password


async def undurable(connection: Db) -> list[str]:
    """Each setting with which this login's commit could be lost by a power cut, such as "fsync is off".

    Other levels of synchronous_commit (local, remote_apply, …) all flush here first.
    """
    values = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in DURABLE}
    return [f"{name} is off" for name, value in values.items() if value == "off"]


async def assert_durable(connection_or_url: "Db | str") -> None:
    """`BadSetting` naming what is unsafe. Asked at boot, of a user's own server too."""
    if isinstance(connection_or_url, str):
        connection = await asyncpg.connect(connection_or_url)
        try:
            return await assert_durable(connection)
        finally:
            await connection.close()
    if problems := await undurable(connection_or_url):
        raise BadSetting(
            f"This PostgreSQL can lose what it has confirmed: {', '.join(problems)}. "
            "Set fsync, synchronous_commit and full_page_writes to on."
        )
    return None
