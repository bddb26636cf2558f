"""A batch from the broker is stored and answered: the plain part by itself, everything else in one transaction."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec
import structlog

from devices import receipts, status, topics
from devices.inbox import Inbox
from devices.intake import Publish
from devices.mqtt import Delivered, Session
from devices.status import Status
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import clock, reading
from server.flows import plain as quick
from server.flows.by_heart import ByHeart
from server.flows.page import Told
from server.flows.reading import Outcome

log = structlog.get_logger()
WHO = Who(principal="service:bridge")
DATA_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
NO_PARTITION = "23514"  # a month is missing: ours to mend, so it is waited for and never quarantined


class Between(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's session, the database, and what this installation has set.

    `careful`: where what is not plain waits.
    `took`: what came since the last heartbeat, by fate. `busy`: the plain batches in hand.
    """

    session: Session
    database: Database
    careful: Inbox[Delivered]
    took: Counter[str]
    busy: set[int]
    told: Told
    daily_cap: int
    by_heart: ByHeart


async def plain(between: Between, batch: Sequence[Delivered]) -> None:
    """Store and answer what is plain; whatever wants more, or breaks the statement, waits for the careful lane."""
    readings = [
        (message, topic.sender)
        for message in batch
        if (topic := topics.read(message.topic)) is not None and topic.kind == "readings"
    ]
    stored: list[Delivered] = []
    if readings:
        said = [_publish(message, sender) for message, sender in readings]
        try:
            done = await quick.take_in(
                between.database, WHO, said, datetime.now(UTC), between.daily_cap, between.by_heart
            )
        except DATA_ERRORS as error:
            if _lacks_partition(error):
                raise
        else:
            _answer(between, done.outcome)
            stored = [message for (message, _), wants in zip(readings, done.wanting, strict=True) if not wants]
    if len(stored) < len(batch):
        kept = {id(message) for message in stored}
        between.careful.put([message for message in batch if id(message) not in kept])
    between.session.settle(stored)


def _lacks_partition(error: asyncpg.PostgresError) -> bool:
    return error.sqlstate == NO_PARTITION and "partition" in str(error)


async def careful(between: Between, batch: Sequence[Delivered]) -> None:
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
        if _lacks_partition(error):
            raise
        await _bisect(between, batch, error)
        return
    _answer(between, outcome)
    _set_clocks(between.session, wrong)


def _set_clocks(session: Session, devices: Sequence[str]) -> None:
    """Ask those whose clock is wrong to set it. Only who told us its clock is asked: it is there and listens."""
    said = msgspec.json.encode({"set_clock": datetime.now(UTC).isoformat(timespec="seconds")})
    session.publish((topics.topic(device, "commands"), said) for device in devices)


async def _bisect(between: Between, batch: Sequence[Delivered], error: asyncpg.PostgresError) -> None:
    if len(batch) > 1:
        half = len(batch) // 2
        await careful(between, batch[:half])
        await careful(between, batch[half:])
        return
    log.error("message_refused_by_database", sqlstate=error.sqlstate)
    said, _ = _sorted_out(batch)
    if said:
        async with between.database.transaction(WHO) as db:
            outcome = await reading.refuse(db, said[0], "database_refused", uuid7(), datetime.now(UTC))
        _answer(between, outcome)


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


def _answer(between: Between, outcome: Outcome) -> None:
    between.took.update(outcome.counts)
    between.took["alerts"] += len(outcome.episodes)
    between.session.publish(
        (topics.topic(sender, "receipts"), encode(receipt))
        for sender, of_sender in outcome.receipts.items()
        for receipt in of_sender
    )


def encode(receipt: receipts.Receipt) -> bytes:
    """A receipt as its sender reads it."""
    return msgspec.json.encode(receipt)
