"""A real web process on a free port, for what needs a socket."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from server.settings import Settings

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0

PROGRAM = """
import asyncio, os, signal, uvloop
from server.app import serve
from server.settings import load

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(load(os.environ), stop)

uvloop.run(main())
"""


def environment(settings: Settings, port: int) -> dict[str, str]:
    """What a web process reads."""
    return {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "MQTT_URL": settings.mqtt_url,
        "CARELOOP_SECRET_KEY": settings.secret_key,
        "CARELOOP_FIELD_KEY": settings.field_key,
        "CARELOOP_PORT": str(port),
        "CARELOOP_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CARELOOP_AUDIT_HEAD": str(settings.audit_head),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Serving:
    """`stop` tells how many seconds the process took to end after SIGTERM."""

    def __init__(self, process: asyncio.subprocess.Process, base_url: str) -> None:
        self.process = process
        self.base_url = base_url

    async def stop(self) -> float:
        started = time.monotonic()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), WITHIN_S)
        return time.monotonic() - started


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Ready to answer; stopped at the end."""
    port = free_port()
    arguments = (sys.executable, "-c", PROGRAM)
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env=environment(settings, port))
    server = Serving(process, f"http://127.0.0.1:{port}")
    try:
        await _answers(server)
        yield server
    finally:
        if process.returncode is None:
            await server.stop()


async def _answers(server: Serving) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(WITHIN_S):
        while True:
            try:
                await client.get(f"{server.base_url}/health/live")
            except httpx.TransportError:
                assert server.process.returncode is None, "the web process ended"
                await asyncio.sleep(0.05)
            else:
                return
