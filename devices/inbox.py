"""What waits for somebody to store it: put there as it comes, taken in batches, each sender in turn."""

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

from devices.fairness import Message, Waiting

M = TypeVar("M", bound=Message)


class Inbox(Generic[M]):
    """For any number of takers on one event loop. `came` counts what was ever put."""

    def __init__(self) -> None:
        self._waiting: Waiting[M] = Waiting()
        self._some = asyncio.Event()
        self._closed = False
        self.came = 0

    def put(self, messages: Sequence[M]) -> None:
        """What comes after the end is counted and left to its sender."""
        self.came += len(messages)
        if not self._closed:
            self._waiting.put(messages)
            self._some.set()

    def close(self) -> None:
        """Nothing more comes: who takes is given what is there, then nothing."""
        self._closed = True
        self._some.set()

    def abandon(self) -> None:
        """Who takes is given nothing more. What is still there is for its sender to send again."""
        self._waiting = Waiting()
        self.close()

    @property
    def empty(self) -> bool:
        """True when somebody who takes has to wait."""
        return not self._closed and not self._waiting

    async def some(self) -> None:
        """Until there may be something to take."""
        self._some.clear()
        if self.empty:
            await self._some.wait()

    def take_now(self, most: int) -> list[M]:
        """What is there, at most `most`."""
        return self._waiting.take(most)

    async def take(self, most: int) -> list[M]:
        """What is there, at most `most`; waits for the first, never for more. Empty only when closed."""
        while self.empty:
            await self.some()
        return self.take_now(most)
