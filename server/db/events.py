"""Live events: told inside the business transaction, ids only, heard on one connection that reconnects."""

import asyncio
import random
import uuid
from collections.abc import Callable, Iterable
from typing import Literal

import asyncpg
import msgspec

from server.db.pool import AWAY, Db, say_at_commit
from server.waiting import wait

CHANNEL = "careloop_event"
Topic = Literal["worklist", "patient", "outbox", "gap", "refetch"]

NOTIFY = "SELECT pg_notify('careloop_event', x) FROM unnest($1::text[]) AS x"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something changed. `refetch` (to everybody) means: we were away, so look again.

    A `patient` event without a patient: many of that organization at once.
    """

    topic: Topic
    organization: uuid.UUID | None = None
    patient: uuid.UUID | None = None


async def tell(db: Db, *events: Event) -> None:
    """Tell whoever listens, when and only if this transaction commits."""
    if events and not say_at_commit(db, CHANNEL, news := encoded(events)):
        await db.execute(NOTIFY, news)


def encoded(events: Iterable[Event]) -> list[str]:
    """Each once, as it goes over the channel."""
    return sorted({msgspec.json.encode(event).decode() for event in events})


async def listen(url: str, hear: Callable[[Event], None], stop: asyncio.Event) -> None:
    """Hear events until `stop`; a lost connection is made again, then `refetch` is heard once."""
    delay = 0.2
    while not stop.is_set():
        try:
            await _listen_once(url, hear, stop)
            delay = 0.2
        except (*AWAY, asyncpg.PostgresError):
            delay = min(delay * 2, 10)
        if not stop.is_set():
            await wait(delay * random.uniform(0.5, 1), stop)  # noqa: S311 - jitter


async def _listen_once(url: str, hear: Callable[[Event], None], stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(url, timeout=10, server_settings={"application_name": "careloop listener"})
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        await connection.add_listener(CHANNEL, lambda *heard: hear(msgspec.json.decode(heard[3], type=Event)))
        hear(Event(topic="refetch"))
        await wait(None, stop, lost)
    finally:
        if not connection.is_closed():
            await connection.close(timeout=2)
