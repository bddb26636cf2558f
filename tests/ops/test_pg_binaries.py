"""Which PostgreSQL serves, and as whom it runs: never with the rights of root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.errors import BadSetting
from server.ops.embedded import pg_binaries, postgres

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")

START_AND_STOP = """
import asyncio, os, sys, asyncpg
from pathlib import Path
from server.ops.embedded import postgres
async def main():
    running = await postgres.start(Path(sys.argv[1]), fast=True)
    connection = await asyncpg.connect(running.url)
    print(os.geteuid(), await connection.fetchval("SELECT current_user"))
    await connection.close()
    await running.stop()
asyncio.run(main())
"""


async def test_data_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(BadSetting, match=r"made by PostgreSQL 12.*Install PostgreSQL 12"):
        await postgres.start(tmp_path)


async def test_without_any_postgresql_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_binaries, "_candidates", lambda: iter([tmp_path]))
    with pytest.raises(BadSetting, match="apt-get install postgresql"):
        await postgres.start(tmp_path / "data")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where nobody can go, unlike below pytest's own folder."""
    folder = Path(tempfile.mkdtemp(prefix="careloop-nobody-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@as_root
async def test_root_without_namespaces_becomes_nobody_and_stays_so(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_folder / "data"
    with monkeypatch.context() as patch:
        patch.setattr(pg_binaries, "_choices", lambda _: [f"{NOBODY}:{NOBODY}"])
        await (await postgres.start(data, fast=True)).stop()
    server = await postgres.start(data, fast=True)
    assert psutil.Process(server.process.pid).uids().real == NOBODY
    await server.stop()


@as_root
def test_an_ordinary_user_can_start_it(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    outcome = subprocess.run(
        [reachable_python(), "-B", "-c", START_AND_STOP, str(open_folder / "data")],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])},
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (outcome.stdout, outcome.stderr) == (f"{NOBODY} careloop\n", "")


def reachable_python() -> str:
    """An interpreter of our version that nobody may run: ours may live in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            subprocess.run([python, "-c", ""], user=NOBODY, group=NOBODY, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"nobody can run no {version} here")
