"""Serves the stand-in until it is told to stop."""

import asyncio

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar


async def serve(app: Litestar, host: str, port: int, stop: asyncio.Event) -> None:
    """Runs in this process and loop; returns after `stop`."""
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await serving
