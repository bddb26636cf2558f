"""The bridge: from the broker into PostgreSQL. It acknowledges after COMMIT, and only then sends receipts."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import asyncpg
import structlog

from devices import mqtt, topics
from devices.inbox import Inbox
from devices.mqtt import Delivered, Session
from server.db import pool
from server.db.heartbeats import beat
from server.db.pool import AWAY, Database
from server.flows import dropped, storing
from server.flows.by_heart import ByHeart
from server.flows.page import told_of
from server.flows.storing import Between
from server.settings import Settings, mqtt_parts
from server.waiting import wait

log = structlog.get_logger()
MOST = 4000
LANES = 2  # of plain readings: while one batch waits for PostgreSQL, the next is taken apart
REST_AT_MOST_S = 0.1
END_WITHIN_S = 5
# A batch is tens of thousands of objects that refer to each other in trees and are gone with it: to look for cycles
# among them every 700 costs a third of the time.
COLLECT_AFTER = 100_000
DROPPED = topics.DROPPED.encode()


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; survives broker and database going away and coming back."""
    usual = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *usual[1:])
    try:
        await _run(settings, stop)
    finally:
        gc.set_threshold(*usual)


async def _run(settings: Settings, stop: asyncio.Event) -> None:
    host, port, tls, username, password = mqtt_parts(settings.mqtt_url)
    plain = os.environ.get("CARELOOP_MQTT_PLAIN", "") == "1"
    broker = mqtt.Broker(host=host, port=port, tls=tls, username=username, password=password, plain=plain)
    session = Session(broker, _client_id(settings), (topics.READINGS, topics.STATUS, topics.DROPPED), _say)
    database = await pool.connect(settings.url_for("bridge"), name="bridge", size=4, lazy=True, generic_plans=True)
    told = told_of(settings)
    between = Between(
        session=session,
        database=database,
        careful=Inbox(),
        took=Counter(),
        busy=set(),
        told=told,
        daily_cap=settings.daily_cap,
        by_heart=ByHeart(),
    )
    try:
        async with asyncio.TaskGroup() as loops:
            listening = asyncio.Event()  # set last: the session outlives the batch in hand
            loops.create_task(session.run(listening), name="session")
            loops.create_task(_pulse(database, session, stop, between.took), name="heartbeat")
            loops.create_task(_ingest(between, stop, listening), name="ingest")
    finally:
        await database.close()


def _client_id(settings: Settings) -> str:
    """Stable, so that what an unclean end left unacknowledged comes to the next start; distinct per instance.

    Not to be guessed: a device that connected under it would take the session over, and its queue with it.
    """
    secret = settings.derived_key("bridge client id").hex()[:16]
    return f"careloop-bridge-{os.environ.get('CARELOOP_INSTANCE', '1')}-{secret}"


async def _ingest(between: Between, stop: asyncio.Event, listening: asyncio.Event) -> None:
    """Told to stop, it takes no more from the broker and ends with what it has in hand: that may be a crisis."""
    drops = dropped.Drops()
    try:
        async with asyncio.TaskGroup() as running:
            lanes = [
                running.create_task(_plain_lane(between, stop), name=f"plain lane {number}") for number in range(LANES)
            ]
            running.create_task(_careful_lane(between, drops, stop), name="careful lane")
            await stop.wait()
            between.session.no_more()
            await asyncio.wait(lanes)
            between.careful.close()
            asyncio.get_running_loop().call_later(END_WITHIN_S, between.careful.abandon)
    finally:
        listening.set()


async def _plain_lane(between: Between, stop: asyncio.Event) -> None:
    while batch := await between.session.take(MOST):
        between.busy.add(id(batch))
        await _until_stored(partial(storing.plain, between), batch, stop)
        between.busy.discard(id(batch))


async def _careful_lane(between: Between, drops: dropped.Drops, stop: asyncio.Event) -> None:
    """An alert takes a dozen round trips. While plain readings wait too, the lane leaves two thirds to them."""
    clock = asyncio.get_running_loop().time
    while batch := await between.careful.take(MOST):
        began = clock()
        if not await _until_stored(partial(storing.careful, between), batch, stop):
            return
        between.session.settle(batch)
        await _heed_drops(between.database, drops, batch)
        if between.busy:
            await wait(min(2 * (clock() - began), REST_AT_MOST_S), stop)


async def _heed_drops(database: Database, drops: dropped.Drops, batch: Sequence[Delivered]) -> None:
    """The counter comes with the readings; when it rose, staff must know."""
    if drops.grew(message.payload for message in batch if message.topic == DROPPED):
        log.error("broker_drops")
        try:
            async with database.transaction(storing.WHO) as db:
                await dropped.alarm(db, datetime.now(UTC))
        except AWAY:
            log.warning("database_away", waiting=1)


async def _until_stored(
    store: Callable[[Sequence[Delivered]], Awaitable[None]], batch: Sequence[Delivered], stop: asyncio.Event
) -> bool:
    """Try a batch until PostgreSQL has it. Nothing is acknowledged before; stopping leaves what fails to the broker."""
    pause = 0.1
    while True:
        try:
            await store(batch)
        except AWAY as error:
            log.warning("database_away", error=type(error).__name__, waiting=len(batch))
        except asyncpg.PostgresError as error:
            log.error("database_refuses", sqlstate=error.sqlstate, waiting=len(batch))
        else:
            return True
        pause = min(pause * 2, 10)
        await wait(pause, stop)
        if stop.is_set():
            return False


async def _pulse(database: Database, session: Session, stop: asyncio.Event, took: Counter[str] | None = None) -> None:
    """Say every few seconds that we live, and whether the broker is there."""
    while not stop.is_set():
        await wait(5, session.connected)
        loop = "ingest" if session.connected.is_set() else "ingest_without_broker"
        try:
            async with database.transaction(storing.WHO) as db:
                await beat(db, "bridge", os.environ.get("CARELOOP_INSTANCE", "1"), loop, datetime.now(UTC))
        except (*AWAY, asyncpg.PostgresError):
            log.warning("heartbeat_missed")
        _say_what_came(took)
        await wait(3, stop)


def _say_what_came(took: Counter[str] | None) -> None:
    """One line a heartbeat: a line a batch would be a hundred a second."""
    if took:
        log.info("took", **took)
        took.clear()


def _say(event: str, detail: str) -> None:
    log.info(event, detail=detail)
