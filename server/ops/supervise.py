"""Our own processes: each runs until told to stop, is started again when it dies, and none outlives us.

Children are in their own sessions, so Ctrl-C in a terminal reaches only us and the order of stopping is ours.
If we are killed, each child gets SIGTERM (see `tether` for how, and for what macOS lacks).
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from server.ops import tether

BAD_SETTING = 78  # EX_CONFIG
USAGE = 2
HOPELESS = frozenset({BAD_SETTING, USAGE})  # trying again cannot help
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
HEALTHY_AFTER_S = 60.0
STOP_WITHIN_S = 9.5
KILL_WAIT_S = 0.5
LAST_WORDS_S = 0.5
LINE_LIMIT = 1 << 20
COLOURS = (36, 35, 33, 32, 34, 31)

OnLine = Callable[[str, str], None]


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """One process to keep running; `env` is added to our own environment."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}


def pause_s(failures: int, chance: float) -> float:
    """How long to wait after the n-th failure in a row: doubling, at most 30 s, half of it up to chance."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return longest * (1 - chance / 2)


def printer(names: Sequence[str]) -> OnLine:
    """Writes each line behind its child's name, in colour on a terminal."""
    width = max(map(len, names), default=0)
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    codes = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}

    def write(name: str, line: str) -> None:
        label = f"{name:<{width}} |"
        if coloured and name in codes:
            label = f"\x1b[{codes[name]}m{label}\x1b[0m"
        with contextlib.suppress(OSError):  # nobody reads us any more; the children go on
            sys.stdout.write(f"{label} {line}\n")
            sys.stdout.flush()

    return write


class _Pids:
    """Who runs now, for scripts that want to kill one: {"bridge": 4711}, replaced in one step."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._pids: dict[str, int] = {}

    def note(self, name: str, pid: int | None) -> None:
        self._pids.pop(name, None)
        if pid is not None:
            self._pids[name] = pid
        if self._file is not None:
            fresh = self._file.with_name(f"{self._file.name}.new")
            fresh.write_bytes(msgspec.json.encode(self._pids))
            fresh.replace(self._file)


class _Kept:
    """One child, its present process, and how often it failed in a row."""

    def __init__(self, child: Child, stop: asyncio.Event, on_line: OnLine, pids: _Pids) -> None:
        self.child = child
        self.verdict = 0
        self._stop = stop
        self._on_line = on_line
        self._pids = pids
        self._process: asyncio.subprocess.Process | None = None
        self._last_line = ""

    async def keep(self) -> None:
        """Run the child until `stop`; a hopeless exit sets `stop` itself and leaves its code in `verdict`."""
        clock, failures = asyncio.get_running_loop().time, 0
        while not self._stop.is_set():
            started = clock()
            code = await self._run_once()
            if self._stop.is_set():
                return
            if code in HOPELESS:
                self._give_up(code)
                return
            failures = 1 if clock() - started >= HEALTHY_AFTER_S else failures + 1
            await self._wait_before_next(code, failures)

    async def _run_once(self) -> int:
        output, told = os.pipe()
        reader = asyncio.create_task(self._read(output))
        try:
            process = self._process = await self._start(told)
        finally:
            os.close(told)
        try:
            self._pids.note(self.child.name, process.pid)
            if self._stop.is_set():  # it was set while we started
                self.send(signal.SIGTERM)
            return await process.wait()
        finally:
            self.kill()  # also what it left behind, which may hold its port
            await process.wait()
            await self._gone()
            await asyncio.wait([reader], timeout=LAST_WORDS_S)
            reader.cancel()
            self._process = None
            self._pids.note(self.child.name, None)

    async def _start(self, told: int) -> asyncio.subprocess.Process:
        # A pipe of our own: with asyncio's, wait() lasts until the child's own children close it too.
        return await asyncio.create_subprocess_exec(
            *tether.command(list(self.child.argv), signal.SIGTERM),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.child.env},
            start_new_session=True,
        )

    async def _read(self, output: int) -> None:
        lines = asyncio.StreamReader(limit=LINE_LIMIT)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(output, "rb", buffering=0)
        )
        try:
            while raw := await _next_line(lines):
                self._last_line = raw.decode(errors="replace").rstrip()
                self._on_line(self.child.name, self._last_line)
        finally:
            pipe.close()

    async def _wait_before_next(self, code: int, failures: int) -> None:
        pause = pause_s(failures, random.random())  # noqa: S311 - spreads restarts, guards nothing
        self._on_line(self.child.name, f"{_ended(code)}; starting it again in {pause:.1f} s")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), pause)

    def _give_up(self, code: int) -> None:
        self.verdict = code
        self._on_line(self.child.name, f"{_ended(code)}, so everything stops. It said: {self._last_line}")
        self._stop.set()

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """The child and whatever it started that is still in its process group."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _gone(self) -> None:
        """Until what was killed has really ended: the next one may need its port. Not for ever, if nobody reaps it."""
        with contextlib.suppress(ProcessLookupError, PermissionError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self._process is not None:
                    os.killpg(self._process.pid, 0)
                    await asyncio.sleep(0.01)


async def _next_line(lines: asyncio.StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:  # the stream has thrown it away
        return b"(a line of more than 1 MiB was left out)"


def _ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


async def run(
    children: Sequence[Child],
    stop: asyncio.Event,
    *,
    on_line: OnLine | None = None,
    pids_file: Path | None = None,
    stop_within_s: float = STOP_WITHIN_S,
) -> int:
    """Keep `children` running until `stop` is set, then end them one after the other in the order given.

    0 if we were told to stop; else the code of the child whose exit was hopeless (78 or 2), which sets `stop`
    too. Call it from the main thread's event loop.
    """
    say = on_line or printer([child.name for child in children])
    pids = _Pids(pids_file)
    crew = [_Kept(child, stop, say, pids) for child in children]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(kept.keep(), name=kept.child.name) for kept in crew]
        await stop.wait()
        await _end_in_order(list(zip(crew, tasks, strict=True)), say, stop_within_s)
    return next((kept.verdict for kept in crew if kept.verdict), 0)


async def _end_in_order(crew: list[tuple[_Kept, asyncio.Task[None]]], say: OnLine, within_s: float) -> None:
    """Each may take its share of the time that is left; time one does not use goes to the next."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within_s
    for place, (kept, task) in enumerate(crew):
        share = max(0.1, (deadline - clock()) / (len(crew) - place) - KILL_WAIT_S)
        kept.send(signal.SIGTERM)
        done, _ = await asyncio.wait([task], timeout=share)
        if not done:
            say(kept.child.name, f"did not stop within {share:.1f} s and is killed")
            kept.kill()
            await asyncio.wait([task], timeout=KILL_WAIT_S)
