"""The embedded PostgreSQL: as root and not, killed and started again, alone in its folder, leaves nothing."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from server.errors import BadSetting, Conflict, Unavailable
from server.ops.embedded import ports, postgres, process
from server.ops.embedded.postgres import RunningPostgres

REPOSITORY = Path(__file__).resolve().parents[2]
SERVE_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from server.ops.embedded import postgres
async def main():
    running = await postgres.start(Path(sys.argv[1]), fast=True)
    print(running.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A durable cluster that has been started and stopped once."""
    with tempfile.TemporaryDirectory(prefix="careloop-pg-") as name:
        data = Path(name) / "data"
        asyncio.run(start_and_stop(data))
        yield data


async def start_and_stop(folder: Path) -> None:
    await (await postgres.start(folder)).stop()


@pytest.fixture
async def running(folder: Path) -> AsyncIterator[RunningPostgres]:
    """That cluster, started anew for each test."""
    server = await postgres.start(folder)
    yield server
    await server.stop()


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def family(server: RunningPostgres) -> list[psutil.Process]:
    postmaster = psutil.Process(server.process.pid)
    return [postmaster, *postmaster.children(recursive=True)]


def capabilities(server: RunningPostgres) -> list[str]:
    """What the kernel lets each of its processes do; one that ended meanwhile (an autovacuum worker does) has no say."""
    found = []
    for one in family(server):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(Path(f"/proc/{one.pid}/status").read_text().split("CapEff:\t")[1].split()[0])
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


async def test_it_serves_our_database_to_its_owner_by_password_on_this_machine_only(
    running: RunningPostgres,
) -> None:
    listening = [one.laddr.ip for one in psutil.Process(running.process.pid).net_connections("inet")]
    assert set(listening) == {"127.0.0.1"}
    assert await ask(running.url, "SELECT current_user || '@' || current_database()") == "careloop@careloop"
    assert await ask(running.url, "SHOW server_encoding") == "UTF8"
    assert await ask(running.url, "SHOW data_checksums") == "on"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(running.url, password="guess")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_process_of_it_runs_with_the_rights_of_root(running: RunningPostgres) -> None:
    found = capabilities(running)
    assert len(found) > 3
    assert set(found) == {"0000000000000000"}


async def test_a_commit_is_durable_and_that_is_asserted(running: RunningPostgres) -> None:
    await postgres.assert_durable(running.url)
    connection = await asyncpg.connect(running.url)
    await connection.execute("SET synchronous_commit = local")
    await postgres.assert_durable(connection)
    await connection.execute("SET synchronous_commit = off")
    with pytest.raises(BadSetting, match="synchronous_commit is off"):
        await postgres.assert_durable(connection)
    await connection.close()


async def test_its_folder_cannot_switch_durability_off(running: RunningPostgres) -> None:
    await run(running.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    await postgres.assert_durable(running.url)
    await run(running.url, "ALTER SYSTEM RESET fsync")


async def test_a_fast_cluster_is_refused_by_name(tmp_path: Path) -> None:
    server = await postgres.start(tmp_path, fast=True)
    try:
        with pytest.raises(BadSetting, match=r"fsync is off, synchronous_commit is off, full_page_writes is off"):
            await postgres.assert_durable(server.url)
    finally:
        await server.stop()


async def test_a_second_start_keeps_data_password_and_port(folder: Path) -> None:
    first = await postgres.start(folder)
    await run(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    await first.stop()
    second = await postgres.start(folder)
    assert second.url == first.url
    assert await ask(second.url, "SELECT answer FROM kept") == 42
    await second.stop()


async def test_a_port_taken_meanwhile_is_not_waited_for(folder: Path, running: RunningPostgres) -> None:
    taken = int((folder / "postgres.port").read_text())
    assert not ports.port_is_free(taken)
    file = folder / "other.port"
    file.write_text(str(taken))
    assert ports.kept_port(file) != taken
    assert ports.port_is_free(int(file.read_text()))


async def test_what_was_committed_survives_sigkill(folder: Path) -> None:
    first = await postgres.start(folder)
    await run(first.url, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n")
    first.process.kill()
    await first.process.wait()
    second = await postgres.start(folder)  # waits for the killed one's children
    assert await ask(second.url, "SELECT count(*) FROM committed") == 1000
    await second.stop()


@pytest.fixture
def stranger() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


async def test_a_pid_file_that_names_a_stranger_does_not_stop_it(folder: Path, stranger: int) -> None:
    server = await postgres.start(folder)
    left = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    await server.stop()
    (folder / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger), *left[1:], ""]))
    await (await postgres.start(folder)).stop()


async def test_stop_ends_open_work_and_leaves_no_process(folder: Path) -> None:
    server = await postgres.start(folder)
    busy = await asyncpg.connect(server.url)
    await busy.execute("BEGIN")
    processes = family(server)
    async with asyncio.timeout(9):
        await server.stop()
    assert alive(processes) == []
    busy.terminate()


def start_and_be_killed(folder: Path) -> list[psutil.Process]:
    """What a starter that had no time to stop anything left running."""
    script = [sys.executable, "-c", SERVE_UNTIL_KILLED, str(folder)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as starter:
        assert starter.stdout is not None
        postmaster = psutil.Process(int(starter.stdout.readline()))
        processes = [postmaster, *postmaster.children(recursive=True)]
        starter.kill()
    return processes


async def test_nothing_outlives_a_starter_that_was_killed(folder: Path) -> None:
    remains = start_and_be_killed(folder)
    next_one = await postgres.start(folder)  # waits until they are gone
    assert alive(remains) == []
    await next_one.stop()


async def test_a_second_careloop_on_the_same_folder_is_told_so(folder: Path, running: RunningPostgres) -> None:
    with pytest.raises(Conflict, match=f"in use by another careloop .process {os.getpid()}"):
        await postgres.start(folder)
    assert await ask(running.url, "SELECT 1") == 1


async def test_a_failed_start_shows_the_logs_last_words_and_frees_the_folder(folder: Path) -> None:
    settings = folder / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("work_mem = 'plenty'\n")
    with pytest.raises(Unavailable, match="plenty"):
        await postgres.start(folder)
    settings.write_text(before)
    await (await postgres.start(folder)).stop()


async def test_the_log_does_not_repeat_what_a_statement_said(folder: Path, running: RunningPostgres) -> None:
    connection = await asyncpg.connect(running.url)
    await connection.execute("CREATE TEMPORARY TABLE phone (number text UNIQUE)")
    await connection.execute("INSERT INTO phone VALUES ('+15550104711')")
    for failing in ("INSERT INTO phone VALUES ('+15550104711')", "SELECT '+15550104711'::int"):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(failing)
    await connection.close()
    assert "4711" not in (folder / "postgres.log").read_text()


async def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    await (await postgres.start(tmp_path, fast=True)).stop()
    assert not (tmp_path / "postgres.unfinished").exists()


async def test_a_lost_password_file_is_explained(folder: Path) -> None:
    password = folder / "postgres.password"
    kept = password.read_text()
    password.unlink()
    with pytest.raises(BadSetting, match=r"postgres\.password is missing"):
        await postgres.start(folder)
    process.write_private(password, kept)
    assert password.stat().st_mode & 0o777 == 0o600


async def test_killing_the_postmaster_by_signal_is_seen_by_who_started_it(running: RunningPostgres) -> None:
    running.process.send_signal(signal.SIGKILL)
    assert await asyncio.wait_for(running.process.wait(), 5) == -signal.SIGKILL


async def test_one_that_dies_while_it_is_asked_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps it then starts it again; any other error would end the keeper."""
    for error in (asyncpg.AdminShutdownError, asyncpg.ConnectionFailureError, asyncpg.CrashShutdownError, OSError):

        async def dies(*_: object, error: type[Exception] = error, **__: object) -> None:
            raise error("terminating connection due to unexpected postmaster exit")

        monkeypatch.setattr(asyncpg, "connect", dies)
        assert not await postgres._database_exists("postgresql://u:p@127.0.0.1:1")
