"""The bridge: from the broker into PostgreSQL. It acknowledges after COMMIT, and only then sends receipts."""

import asyncio
import gc
import os
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec
import structlog

from devices import mqtt, receipts, status, topics
from devices.intake import Publish
from devices.mqtt import Delivered, Session
from devices.status import Status
from server.db import pool
from server.db.heartbeats import beat
from server.db.ids import uuid7
from server.db.pool import AWAY, Database, Who
from server.flows import clock, dropped, reading
from server.flows.page import Told, told_of
from server.flows.reading import Outcome
from server.settings import Settings, mqtt_parts
from server.waiting import wait

log = structlog.get_logger()
WHO = Who(principal="service:bridge")
MOST = 4000
LANES = 2  # while one batch waits for PostgreSQL, the next is taken apart; acknowledged in the order they came
DATA_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
# A batch is tens of thousands of objects that refer to each other in trees and are gone with it: to look for cycles
# among them every 700 costs a third of the time.
COLLECT_AFTER = 100_000
DROPPED = topics.DROPPED.encode()
NO_PARTITION = "23514"  # a month is missing: ours to mend, so it is waited for and never quarantined


class Between(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's session, the database, and what this installation has set."""

    session: Session
    database: Database
    told: Told
    daily_cap: int


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
    between = Between(session=session, database=database, told=told, daily_cap=settings.daily_cap)
    try:
        async with asyncio.TaskGroup() as loops:
            listening = asyncio.Event()  # set last: the session outlives the batch in hand
            loops.create_task(session.run(listening), name="session")
            loops.create_task(_pulse(database, session, stop), name="heartbeat")
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
    drops = dropped.Drops()
    try:
        async with asyncio.TaskGroup() as running:
            for number in range(LANES):
                running.create_task(_lane(between, drops, stop), name=f"lane {number}")
    finally:
        listening.set()


async def _lane(between: Between, drops: dropped.Drops, stop: asyncio.Event) -> None:
    while not stop.is_set():
        batch = await _taken(between.session, stop)
        if await _until_stored(between, batch, stop):
            between.session.settle(batch)
        await _heed_drops(between.database, drops, batch)


async def _heed_drops(database: Database, drops: dropped.Drops, batch: Sequence[Delivered]) -> None:
    """The counter comes with the readings; when it rose, staff must know."""
    if drops.grew(message.payload for message in batch if message.topic == DROPPED):
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


async def _until_stored(between: Between, batch: Sequence[Delivered], stop: asyncio.Event) -> bool:
    """Try a batch until PostgreSQL has it. Nothing is acknowledged before; stopping leaves it to the broker."""
    pause = 0.1
    while batch and not stop.is_set():
        try:
            await _store(between, batch)
        except AWAY as error:
            log.warning("database_away", error=type(error).__name__, waiting=len(batch))
        except asyncpg.PostgresError as error:
            log.error("database_refuses", sqlstate=error.sqlstate, waiting=len(batch))
        else:
            return True
        pause = min(pause * 2, 10)
        await wait(pause, stop)
    return False


async def _store(between: Between, batch: Sequence[Delivered]) -> None:
    """One transaction for the batch; when one message's data breaks it, halves are tried until it stands alone."""
    now = datetime.now(UTC)
    said, statuses = _sorted_out(batch)
    try:
        async with between.database.transaction(WHO) as db:
            wrong = (
                [shift.device_id for shift in await clock.hear(db, statuses, now) if not shift.right]
                if statuses
                else []
            )
            outcome = reading.NOTHING
            if said:
                outcome = await reading.handle(db, said, now, between.told, between.daily_cap)
    except DATA_ERRORS as error:
        if error.sqlstate == NO_PARTITION and "partition" in str(error):
            raise
        await _bisect(between, batch, error)
        return
    _answer(between.session, outcome)
    _set_clocks(between.session, wrong)


def _set_clocks(session: Session, devices: Sequence[str]) -> None:
    """Ask those whose clock is wrong to set it. Only who told us its clock is asked: it is there and listens."""
    said = msgspec.json.encode({"set_clock": datetime.now(UTC).isoformat(timespec="seconds")})
    session.publish((topics.topic(device, "commands"), said) for device in devices)


async def _bisect(between: Between, batch: Sequence[Delivered], error: asyncpg.PostgresError) -> None:
    if len(batch) > 1:
        half = len(batch) // 2
        await _store(between, batch[:half])
        await _store(between, batch[half:])
        return
    log.error("message_refused_by_database", sqlstate=error.sqlstate)
    said, _ = _sorted_out(batch)
    if said:
        async with between.database.transaction(WHO) as db:
            outcome = await reading.refuse(db, said[0], "database_refused", uuid7(), datetime.now(UTC))
        _answer(between.session, outcome)


def _sorted_out(batch: Sequence[Delivered]) -> tuple[list[Publish], list[tuple[str, Status]]]:
    """The messages with readings, and what devices say of themselves."""
    said, statuses = [], []
    for message in batch:
        taken = topics.read(message.topic)
        if taken is None:
            continue
        if taken.kind == "readings":
            said.append(_publish(message, taken.sender))
        elif (one := status.read(message.payload)) is not None:
            statuses.append((taken.sender, one))
        else:
            log.warning("status_unreadable", device=taken.sender)
    return said, statuses


def _publish(message: Delivered, sender: str) -> Publish:
    return Publish(
        sender=sender, payload=message.payload, topic=topics.topic(sender, "readings"),
        content_type=message.content_type,
    )  # fmt: skip


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
