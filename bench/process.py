"""One process of ours that the sabotages may stop, kill or start again."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path


class Process:
    """One of our processes, in a group of its own; nobody starts it again but us."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name, self._argv, self._env, self._log = name, argv, env, log
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *argv: str) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(argv or self._argv), env=dict(self._env), stdout=log, stderr=log, start_new_session=True
            )

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.returncode is None
