"""A program the bench runs beside itself: its words in a log, gone when it is done with or when the bench dies."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil

from server.ops import tether

ROOT = Path(__file__).resolve().parent.parent
TO_END_S = 20.0
LINE_LIMIT = 16 * 1024 * 1024

A = TypeVar("A")
B = TypeVar("B")


class Failed(Exception):
    """A part could not be measured; the text says why. The others still count."""


class Program:
    """A running child."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.process, self.log = name, process, log
        self.orders = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, **order: Any) -> None:
        """Give an order, numbered: a late answer to one that was given up must not pass for another's."""
        assert self.process.stdin is not None
        self.orders += 1
        self.process.stdin.write(json.dumps({"order": self.orders, **order}).encode() + b"\n")

    async def answer(self, within_s: float) -> dict[str, Any]:
        """What came of the last order, or of its only work. `Failed` when it ends or is silent for too long."""
        try:
            async with asyncio.timeout(within_s):
                while (told := await self._line()).get("order", 0) != self.orders:
                    pass
        except TimeoutError:
            raise Failed(f"{self.name} said nothing for {within_s:.0f} s") from None
        if "failed" in told:
            raise Failed(str(told["failed"]))
        return told

    async def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} hung up: {self.last_words()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def require_alive(self) -> None:
        if self.process.returncode is not None:
            raise Failed(f"{self.name} ended with code {self.process.returncode}: {self.last_words()}")

    async def ended(self, within_s: float) -> float:
        """Wait for it to end by itself; the moment it did, of the clock all processes share."""
        try:
            async with asyncio.timeout(within_s):
                await self.process.wait()
            return time.monotonic()
        except TimeoutError:
            raise Failed(f"{self.name} had not ended after {within_s:.0f} s: {self.last_words()}") from None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " / ".join(lines[-3:])[-400:] or "without a word"

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        for number, wait_s in ((signal.SIGTERM, TO_END_S), (signal.SIGKILL, TO_END_S)):
            if self.process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.process.wait()


@asynccontextmanager
async def running(
    name: str,
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str] | None = None,
    *,
    talks: bool = False,
    quiet: bool = False,
) -> AsyncIterator[Program]:
    """The program until the block ends; what it says goes to its log.

    `talks`: its standard output is JSON lines for us, and it takes orders. `quiet`: that output is thrown away.
    """
    log = folder / f"{name.replace(' ', '-')}.log"
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *tether.command(list(argv), signal.SIGTERM), stdin=pipe if talks else nowhere, stderr=output,
            stdout=pipe if talks else nowhere if quiet else output, env={**os.environ, **(env or {})}, cwd=ROOT,
            start_new_session=True, limit=LINE_LIMIT,
        )  # fmt: skip
    program = Program(name, process, log)
    try:
        yield program
    finally:
        await program.stop()


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Side by side; when one fails the other is over as well, so that nobody is still listening for an answer."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


class Usage:
    """What each process has worked since the start: unlike a rate, it hardly depends on who else uses the machine."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = {name: _cpu_seconds(pid) for name, pid in pids.items()}

    def microseconds(self, count: int) -> dict[str, float]:
        """Of processor time for each of `count` messages."""
        worked = {name: max(_cpu_seconds(pid) - self._before[name], 0.0) for name, pid in self._pids.items()}
        return {name: round(seconds * 1e6 / count, 1) for name, seconds in worked.items()}


def _cpu_seconds(pid: int) -> float:
    """With the children that live now: PostgreSQL works in them."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for one in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
    return total
