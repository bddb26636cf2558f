"""One program we run for ourselves: alone in its folder, tied to our life, its words in a log."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from server.errors import BadSetting, Conflict, Unavailable
from server.ops import tether

LOG_LIMIT_BYTES = 10_000_000
LAST_WAIT_S = 2.0


class Lock:
    """An flock that the program inherits, and with it each process it forks; we let go once it runs.

    So whoever holds it knows that nothing started here before is still alive, in whatever pid namespace.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._write(f"{os.getpid()}")

    def hand_over(self, pid: int) -> None:
        """From now on it is held by the program alone, until its last process ends."""
        self._write(f"{os.getpid()} {pid}")
        self.release()

    def release(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _write(self, owners: str) -> None:
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, owners.encode(), 0)


async def lock(path: Path, *, within_s: float = 10.0) -> Lock:
    """Be the only one at `path`. Remains of something killed get time to end; a healthy owner is `Conflict`."""
    fd = _opened_lock(path)
    deadline = asyncio.get_running_loop().time() + within_s
    while not _taken(fd):
        owners = os.pread(fd, 40, 0).decode(errors="replace").split()
        if _live(owners) or asyncio.get_running_loop().time() > deadline:
            os.close(fd)
            raise Conflict(
                f"{path.parent} is in use by another careloop (process {owners[0] if owners else 'unknown'}). "
                "Stop that one first, or choose another folder with --data."
            )
        await asyncio.sleep(0.05)
    return Lock(fd)


def _opened_lock(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadSetting(
            f"{path.parent} cannot be used ({error.strerror}). Choose another folder with --data."
        ) from None


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _live(owners: list[str]) -> bool:
    """Starter and program both: if one is gone, the other is about to end."""
    return bool(owners) and all(owner.isdigit() and tether.alive(int(owner)) for owner in owners)


class Service:
    """A started program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], within_s: float) -> None:
        """Return once `ready` answers yes; else stop the program and raise with the log's last words."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + within_s
        try:
            while not await ready():
                if self.process.returncode is not None or clock() > deadline:
                    raise self._never_started()
                await asyncio.sleep(0.03)
        except BaseException:
            await self.stop((signal.SIGTERM, LAST_WAIT_S))
            raise

    def _never_started(self) -> Unavailable:
        return Unavailable(f"{self.name} did not start. Its log, {self.log}, ends:\n{self.last_lines()}")

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal and wait its seconds; what still lives then is killed."""
        for number, wait_s in (*steps, (signal.SIGKILL, LAST_WAIT_S)):
            if self.process.returncode is not None:
                return
            self._send(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), wait_s)

    def last_lines(self, count: int = 5) -> str:
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 8_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may end by itself just now
            self.process.send_signal(number)


async def launch(
    program: Sequence[str],
    *,
    name: str,
    log: Path,
    held: Lock,
    death: signal.Signals,
    run_as: str = "self",
    env: Mapping[str, str],
) -> Service:
    """Start `program` in its own session, so that Ctrl-C in the terminal reaches only us."""
    with _opened(log) as output:
        process = await asyncio.create_subprocess_exec(
            *tether.command(list(program), death, run_as),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            start_new_session=True,
            pass_fds=(held.fd,),
        )
    held.hand_over(process.pid)
    return Service(name, process, log)


def _opened(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.old"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def write_private(file: Path, text: str) -> None:
    """A file only its owner can read, there wholly or not at all."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    fresh.replace(file)
