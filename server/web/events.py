"""Live pages: one listener on the database per web process, fanned out to the browsers it concerns.

Nothing but "look again" is sent. A browser that reconnects is told so at once, so nothing missed stays missed.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import ServerSentEvent, ServerSentEventMessage

from server.db import events
from server.db.events import Event
from server.db.pool import AWAY, Database
from server.errors import Unavailable
from server.security import sessions
from server.security.sessions import COOKIE, NOBODY_YET, Person

BEAT_SECONDS = 15.0
MOST_STREAMS = 2_000


class Stream:
    """One open browser page: what it may hear, and what it has not been told yet."""

    def __init__(self, person: Person, patient: uuid.UUID | None) -> None:
        self.organization = person.organization
        self.patient = patient
        self.staff = person.staff_id is not None
        self.untold: set[str] = set()
        self.news = asyncio.Event()

    def hears(self, event: Event) -> str | None:
        """The name under which this page hears of an event; None when it is not its business."""
        if event.topic == "refetch":
            return "worklist" if self.patient is None else "patient"
        if event.organization != self.organization:
            return None
        if self.patient is not None:
            of_many = event.topic == "patient" and event.patient is None
            return "patient" if of_many or event.patient == self.patient else None
        return "worklist" if self.staff and event.topic == "worklist" else None

    def tell(self, name: str) -> None:
        # A set: a page that is slow, or a burst of readings, costs one refetch and no memory.
        self.untold.add(name)
        self.news.set()


class Feed:
    """The listener of this process and its streams."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._streams: set[Stream] = set()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="live events")

    async def stop(self) -> None:
        """Ends every stream, then the listener."""
        self.close()
        if self._task is not None:
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, 3)

    def close(self) -> None:
        self._stop.set()
        for stream in self._streams:
            stream.news.set()

    @property
    def full(self) -> bool:
        return len(self._streams) >= MOST_STREAMS

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                await events.listen(self._url, self._hear, self._stop)
            except Exception as error:  # a listener that ended would leave pages that only look alive
                structlog.get_logger().error("live events failed, starting again", error=type(error).__name__)
                await asyncio.sleep(1)

    def _hear(self, event: Event) -> None:
        for stream in self._streams:
            if name := stream.hears(event):
                stream.tell(name)

    async def follow(self, stream: Stream) -> AsyncIterator[str]:
        """Names of what changed, and "beat" while nothing does; ends when the process stops."""
        self._streams.add(stream)
        stream.tell("worklist" if stream.patient is None else "patient")
        try:
            while not self._stop.is_set():
                for name in await self._next(stream):
                    yield name
        finally:
            self._streams.discard(stream)

    async def _next(self, stream: Stream) -> list[str]:
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_SECONDS):
                await stream.news.wait()
        stream.news.clear()
        told, stream.untold = sorted(stream.untold), set()
        return told or ([] if self._stop.is_set() else ["beat"])


@get("/events", include_in_schema=False)
async def live(
    request: Request[Any, Any, State],
    person: NamedDependency[Person],
    patient: FromQuery[uuid.UUID | None] = None,
) -> ServerSentEvent:
    """A patient hears of themselves only; staff of the worklist, or of one patient of theirs."""
    state = request.app.state
    if state.feed.full:
        raise Unavailable("Too many pages are open. This one works, but has to be reloaded by hand.")
    stream = Stream(person, person.patient_id or patient)
    messages = _messages(state.feed, stream, state.database, request.cookies[COOKIE])
    return ServerSentEvent(messages, headers={"X-Accel-Buffering": "no"})


async def _messages(
    feed: Feed, stream: Stream, database: Database, token: str
) -> AsyncIterator[ServerSentEventMessage]:
    yield ServerSentEventMessage(event="beat", data="", retry=1000)
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    async for name in feed.follow(stream):
        if clock() - asked_at >= BEAT_SECONDS:
            if not await _may_go_on(database, token):
                return
            asked_at = clock()
        yield ServerSentEventMessage(event=name, data="")


async def _may_go_on(database: Database, token: str) -> bool:
    """Not after the session ended, nor while the database is away: then no news can come, and "live" would lie."""
    try:
        async with database.transaction(NOBODY_YET) as db:
            return await sessions.find(db, token, datetime.now(UTC)) is not None
    except AWAY:
        return False


handlers = [live]
