"""A door between two programs that a sabotage shuts, or behind which nobody answers any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

State = Literal["open", "shut", "deaf"]


class Door:
    """`shut`: connections fall and new ones are refused. `deaf`: they are taken, and nothing comes through."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self.port = 0

    async def open(self) -> None:
        """As if there were no door. What was kept waiting comes through; what gave up meanwhile is gone."""
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self._server = None

    async def deafen(self) -> None:
        self._open.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._behind)
            self._writers.add(far_writer)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, far_writer))
                    both.create_task(self._pump(far_reader, writer))
            finally:
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def door_before(host: str, port: int) -> AsyncIterator[Door]:
    """Open at first."""
    door = Door(host, port)
    await door.open()
    try:
        yield door
    finally:
        await door.shut()
