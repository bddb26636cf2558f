"""`careloop up` with servers of your own: three processes serve, and SIGTERM ends them all."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from server.ops.embedded import mosquitto, ports
from server.settings import Settings
from tests.cli.command import ROOT, env_of


async def test_up_serves_and_ends_when_told(settings: Settings, tmp_path: Path) -> None:
    broker, port = await mosquitto.start(tmp_path / "broker"), ports.free_port()
    env = {**env_of(msgspec.structs.replace(settings, mqtt_url=broker.url_bridge)), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "server", "up", "--port", str(port), cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **env}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while b"200 OK" not in await ask(port):
                assert process.returncode is None
                await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
        assert ports.port_is_free(port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await broker.stop()


async def ask(port: int) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    writer.write(b"GET /health/ready HTTP/1.0\r\nHost: x\r\n\r\n")
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line
