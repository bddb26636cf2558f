"""The bridge: from the broker into PostgreSQL. It acknowledges after COMMIT, and only then sends receipts."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec
import structlog

from devices import mqtt, receipts, states, topics
from devices.intake import Publish
from devices.mqtt import Delivered, Session
from server.db import pool
from server.db.heartbeats import beat
from server.db.ids import uuid7
from server.db.pool import AWAY, Database, Who
from server.flows import dropped, reading
from server.flows.page import Told
from server.flows.reading import Outcome
from server.settings import Settings, mqtt_parts
from server.waiting import wait

log = structlog.get_logger()
WHO = Who(principal="service:bridge")
MOST = 2000
LANES = 2  # while one batch waits for PostgreSQL, the next is taken apart
DATA_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
NO_PARTITION = "23514"  # a month is missing: ours to mend, so it is waited for and never quarantined


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; survives broker and database going away and coming back."""
    host, port, tls, username, password = mqtt_parts(settings.mqtt_url)
    plain = os.environ.get("CARELOOP_MQTT_PLAIN", "") == "1"
    broker = mqtt.Broker(host=host, port=port, tls=tls, username=username, password=password, plain=plain)
    session = Session(broker, _client_id(settings), (topics.READINGS, topics.STATUS, topics.DROPPED), _say)
    database = await pool.connect(settings.url_for("bridge"), name="bridge", size=4, lazy=True)
    told = Told(public_url=settings.public_url, field_key=settings.field_key)
    try:
        async with asyncio.TaskGroup() as loops:
            listening = asyncio.Event()  # set last: the session outlives the batch in hand
            loops.create_task(session.run(listening), name="session")
            loops.create_task(_pulse(database, session, stop), name="heartbeat")
            loops.create_task(_ingest(session, database, told, stop, listening), name="ingest")
    finally:
        await database.close()


def _client_id(settings: Settings) -> str:
    """Stable, so that what an unclean end left unacknowledged comes to the next start; distinct per instance.

    Not to be guessed: a device that connected under it would take the session over, and its queue with it.
    """
    secret = settings.derived_key("bridge client id").hex()[:16]
    return f"careloop-bridge-{os.environ.get('CARELOOP_INSTANCE', '1')}-{secret}"


async def _ingest(
    session: Session, database: Database, told: Told, stop: asyncio.Event, listening: asyncio.Event
) -> None:
    lanes = Lanes()
    try:
        async with asyncio.TaskGroup() as running:
            for number in range(LANES):
                running.create_task(_lane(lanes, session, database, told, stop), name=f"lane {number}")
    finally:
        listening.set()


class Lanes:
    """Batches go side by side, but are acknowledged in the order in which they were taken (MQTT-4.6.0-2)."""

    def __init__(self) -> None:
        self.taking = asyncio.Lock()
        self.last = asyncio.Event()
        self.last.set()
        self.drops = dropped.Drops()

    def queue(self) -> tuple[asyncio.Event, asyncio.Event]:
        """(what to wait for before acknowledging, what to set afterwards)."""
        before, self.last = self.last, asyncio.Event()
        return before, self.last


async def _lane(lanes: Lanes, session: Session, database: Database, told: Told, stop: asyncio.Event) -> None:
    while not stop.is_set():
        async with lanes.taking:
            batch = await _taken(session, stop)
            before, done = lanes.queue()
        try:
            stored = await _until_stored(session, database, batch, told, stop)
            await _heed_drops(database, lanes.drops, batch)
            await before.wait()
            if stored:
                session.settle(batch)
        finally:
            done.set()


async def _heed_drops(database: Database, drops: dropped.Drops, batch: Sequence[Delivered]) -> None:
    """The counter comes with the readings; when it rose, staff must know."""
    if drops.grew(message.payload for message in batch if message.topic == topics.DROPPED):
        log.error("broker_drops")
        try:
            async with database.transaction(WHO) as db:
                await dropped.alarm(db, datetime.now(UTC))
        except AWAY:
            log.warning("database_away", waiting=1)


async def _taken(session: Session, stop: asyncio.Event) -> list[Delivered]:
    """The next batch; empty when told to stop."""
    if stop.is_set():
        return []
    taking, stopping = asyncio.ensure_future(session.take(MOST)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return taking.result() if taking.done() else []
    finally:
        taking.cancel()
        stopping.cancel()


async def _until_stored(
    session: Session, database: Database, batch: Sequence[Delivered], told: Told, stop: asyncio.Event
) -> bool:
    """Try a batch until PostgreSQL has it. Nothing is acknowledged before; stopping leaves it to the broker."""
    pause = 0.1
    while batch and not stop.is_set():
        try:
            await _store(session, database, batch, told)
        except AWAY as error:
            log.warning("database_away", error=type(error).__name__, waiting=len(batch))
        except asyncpg.PostgresError as error:
            log.error("database_refuses", sqlstate=error.sqlstate, waiting=len(batch))
        else:
            return True
        pause = min(pause * 2, 10)
        await wait(pause, stop)
    return False


async def _store(session: Session, database: Database, batch: Sequence[Delivered], told: Told) -> None:
    """One transaction for the batch; when one message's data breaks it, halves are tried until it stands alone."""
    now = datetime.now(UTC)
    publishes = [_publish(message) for message in batch if topics.parse(message.topic)]
    try:
        async with database.transaction(WHO) as db:
            outcome = await reading.handle(db, [p for p in publishes if p.topic.endswith("/readings")], now, told)
            for publish in publishes:
                if publish.topic.endswith("/status"):
                    await _status(db, publish, now)
    except DATA_ERRORS as error:
        if error.sqlstate == NO_PARTITION and "partition" in str(error):
            raise
        await _bisect(session, database, batch, told, error)
        return
    _answer(session, outcome)


async def _bisect(
    session: Session, database: Database, batch: Sequence[Delivered], told: Told, error: asyncpg.PostgresError
) -> None:
    if len(batch) > 1:
        half = len(batch) // 2
        await _store(session, database, batch[:half], told)
        await _store(session, database, batch[half:], told)
        return
    log.error("message_refused_by_database", sqlstate=error.sqlstate)
    async with database.transaction(WHO) as db:
        outcome = await reading.refuse(db, _publish(batch[0]), "database_refused", uuid7(), datetime.now(UTC))
    _answer(session, outcome)


async def _status(db: pool.Db, publish: Publish, now: datetime) -> None:
    try:
        status = msgspec.json.decode(publish.payload, type=states.Status)
    except msgspec.DecodeError:
        log.warning("status_unreadable", device=publish.sender)
        return
    await states.tell_status(db, publish.sender, status, now)


def _publish(message: Delivered) -> Publish:
    taken = topics.parse(message.topic)
    assert taken is not None
    return Publish(sender=taken.sender, payload=message.payload, topic=message.topic, content_type=message.content_type)


def _answer(session: Session, outcome: Outcome) -> None:
    session.publish(
        (topics.topic(sender, "receipts"), encode(receipt))
        for sender, of_sender in outcome.receipts.items()
        for receipt in of_sender
    )
    if outcome.counts.get("received"):
        log.info("batch", **outcome.counts, alerts=len(outcome.episodes))


def encode(receipt: receipts.Receipt) -> bytes:
    """A receipt as its sender reads it."""
    return msgspec.json.encode(receipt)


async def _pulse(database: Database, session: Session, stop: asyncio.Event) -> None:
    """Say every few seconds that we live, and whether the broker is there."""
    while not stop.is_set():
        await wait(5, session.connected)
        loop = "ingest" if session.connected.is_set() else "ingest_without_broker"
        try:
            async with database.transaction(WHO) as db:
                await beat(db, "bridge", os.environ.get("CARELOOP_INSTANCE", "1"), loop, datetime.now(UTC))
        except (*AWAY, asyncpg.PostgresError):
            log.warning("heartbeat_missed")
        await wait(3, stop)


def _say(event: str, detail: str) -> None:
    log.info(event, detail=detail)
