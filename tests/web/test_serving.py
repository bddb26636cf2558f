"""The real server: it drains, ends live streams, says when a port is taken, and survives its database."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from server.app import check_port
from server.errors import CareloopError
from server.settings import Settings
from tests.web.gate import gate_before
from tests.web.people import PASSWORD, alert, staff_login
from tests.web.serving import serving
from tests.world import World


@asynccontextmanager
async def _signed_in(base_url: str, owner: Any, world: World) -> AsyncIterator[httpx.AsyncClient]:
    login, _ = await staff_login(owner, world)
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        answer = await client.post("/sign-in", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303
        yield client


async def _event(lines: Any, name: str) -> None:
    async with asyncio.timeout(10):
        async for line in lines:
            if line == f"event: {name}":
                return
    raise AssertionError(f"the stream ended without {name}")


async def test_a_live_stream_tells_at_once_and_ends_when_the_process_stops(
    settings: Settings, owner: Any, world: World
) -> None:
    async with (
        serving(settings) as server,
        _signed_in(server.base_url, owner, world) as client,
        client.stream("GET", "/events") as stream,
    ):
        lines = stream.aiter_lines()
        await _event(lines, "worklist")  # look again, for what was missed before
        await alert(owner, world)
        await _event(lines, "worklist")
        seconds = await server.stop()
        async for _ in lines:  # ends by itself: no error, no hanging
            pass
    assert seconds < 5, f"took {seconds:.1f} s"
    assert server.process.returncode == 0


async def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CareloopError, match=f"Port {port} is in use; use --port or stop the other"):
            check_port("127.0.0.1", port)


async def _until(client: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    async with asyncio.timeout(20):
        while True:
            answer = await client.get(path)
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.05)


async def test_postgresql_away_at_the_start_and_later_is_survived_without_a_restart(
    settings: Settings, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    form = {"login": login, "password": PASSWORD}
    async with gate_before(settings.database_url) as gate:
        await gate.shut()
        through = msgspec.structs.replace(settings, database_url=gate.url)
        async with serving(through) as server, httpx.AsyncClient(base_url=server.base_url, timeout=20) as client:
            not_ready = await client.get("/health/ready")
            assert (not_ready.status_code, not_ready.json()["parts"]["database"]) == (503, "does not answer")
            calm = await client.post("/sign-in", data=form)
            assert calm.status_code == 503
            assert "Not available just now" in calm.text

            await gate.open()
            await _until(client, "/health/ready", 200)
            assert (await client.post("/sign-in", data=form)).status_code == 303
            assert (await client.get("/worklist")).status_code == 200

            await gate.shut()
            assert (await client.get("/worklist")).status_code == 503
            problem = await client.get("/api/v1/worklist")
            assert (problem.status_code, problem.headers["content-type"]) == (503, "application/problem+json")
            await gate.open()
            await _until(client, "/worklist", 200)
