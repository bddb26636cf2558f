"""A driver beside the hub, as a device maker would write one: gives lines, and gives again what got no answer."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from server.ops.embedded.mosquitto import RunningMosquitto
from tests.cli.command import ROOT


class Driver:
    """`careloop hub` as its own process, fed on standard input; it may be killed at any moment."""

    def __init__(self, broker: RunningMosquitto | dict[str, Any], hub_id: str, password: str, folder: Path) -> None:
        where = (broker["host"], broker["port"]) if isinstance(broker, dict) else (broker.host, broker.port)
        key = folder / "key"
        key.write_text(password + "\n")
        self.arguments = [
            "hub", "--url", "mqtt://{}:{}".format(*where), "--id", hub_id, "--password-file", str(key),
            "--data", str(folder / "hub"),
        ]  # fmt: skip
        self.log = folder / "hub.log"
        self.process: asyncio.subprocess.Process | None = None
        self.unanswered: dict[str, dict[str, Any]] = {}
        self.accepted: dict[str, tuple[int, int]] = {}
        self.refused: list[dict[str, Any]] = []
        self._asked: list[str] = []
        self._listening: asyncio.Task[None] | None = None

    async def start(self, *more: str) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server", *self.arguments, *more,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TZ": "America/New_York"},
            )  # fmt: skip
        self._asked = asked = list(self.unanswered)
        self._listening = asyncio.create_task(self._listen(self.process.stdout, asked))
        for line in self.unanswered.values():
            self._write(line)

    def give(self, given_id: str, reading: dict[str, Any]) -> None:
        self.unanswered[given_id] = {"id": given_id, **reading}
        if self.process is not None and self.process.returncode is None:
            self._asked.append(given_id)
            self._write(self.unanswered[given_id])

    def _write(self, line: dict[str, Any]) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _listen(self, stream: Any, asked: list[str]) -> None:
        """Answers come in the order of the lines."""
        at = 0
        async for line in stream:
            answer, given_id = json.loads(line), asked[at]
            at += 1
            self.unanswered.pop(given_id)
            if "refused" in answer:
                self.refused.append(answer)
            else:
                self.accepted[given_id] = (answer["epoch"], answer["accepted"])

    async def kill(self) -> None:
        assert self.process is not None
        assert self._listening is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self._listening
        self.process.stdin.close()  # type: ignore[union-attr]

    async def __aenter__(self) -> "Driver":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process is not None and self.process.returncode is None:
            await self.kill()

    async def end(self, within_s: float = 60) -> int:
        """Close standard input: the hub delivers what it has and ends."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(within_s):
                return await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            if self._listening is not None:
                await self._listening
