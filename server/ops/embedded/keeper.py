"""An embedded service is kept running: one that dies is started again on its data, at its address."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from server.errors import CareloopError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0


class Running(Protocol):
    """What `postgres.start` and `mosquitto.start` give."""

    @property
    def process(self) -> asyncio.subprocess.Process: ...

    async def stop(self) -> None: ...


R = TypeVar("R", bound=Running)


@asynccontextmanager
async def kept(start: Callable[[], Awaitable[R]], name: str, say: Callable[[str], None]) -> AsyncIterator[R]:
    """The service, running until the block ends; its address stays what it was at first."""
    now: list[R] = [await start()]
    watching = asyncio.create_task(_watch(now, start, name, say), name=f"keep {name}")
    try:
        yield now[0]
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await now[0].stop()


async def _watch(now: list[R], start: Callable[[], Awaitable[R]], name: str, say: Callable[[str], None]) -> None:
    pause = FIRST_PAUSE_S
    while True:
        await now[0].process.wait()
        say(f"{name} ended; starting it again")
        try:
            now[0] = await start()
            pause = FIRST_PAUSE_S
        except CareloopError as error:
            say(f"{name}: {error.says}")
            pause = min(pause * 2, LONGEST_PAUSE_S)
        await asyncio.sleep(pause)
