"""Finds out what became of texts whose sender died or heard nothing: never by sending a reminder again."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from notifications import attempts, outbox, receipts
from notifications.gateways import Found, Gateway
from notifications.outbox import InDoubt
from notifications.sender import RaiseAlarm, Transaction

GIVE_UP_AFTER = timedelta(minutes=15)
SAYS_UNRESOLVED = "It is not known whether a reminder was sent. It will not be sent again; look at the provider's log."


async def reconcile(
    transaction: Transaction, gateway: Gateway, raise_alarm: RaiseAlarm, clock: Callable[[], datetime]
) -> int:
    """Free what was claimed in vain, mark what is unknown, and ask the provider about it; returns how many moved."""
    now = clock()
    async with transaction() as db:
        freed = await outbox.release(db, now) + await outbox.abandon(db, now)
        doubtful = await outbox.in_doubt(db)
    for message in doubtful:
        found = await gateway.find(message.to_number, message.body, message.started_at)
        async with transaction() as db:
            freed += await _resolve(db, message, found, raise_alarm, clock())
    if freed:
        structlog.get_logger().info("texts_reconciled", count=freed)
    return freed


async def _resolve(
    db: object, message: InDoubt, found: list[Found] | None, raise_alarm: RaiseAlarm, now: datetime
) -> bool:
    taken = await attempts.known(db, [one.sid for one in found or []])
    ours = next((one for one in found or [] if one.sid not in taken), None)
    if ours is not None:
        await attempts.finish(db, message.attempt_id, "accepted", now, sid=ours.sid)
        await receipts.advance(db, message.attempt_id, receipts.MEANS.get(ours.status, "sent"), None)
        return True
    if now - message.started_at < GIVE_UP_AFTER:
        return False
    if await outbox.settle(db, message.id, "unknown", "unresolved", since=("unknown",)):
        await _tell(db, message.organization_id, message.id, raise_alarm, now)
    return True


async def _tell(
    db: object, organization: uuid.UUID, message: uuid.UUID, raise_alarm: RaiseAlarm, now: datetime
) -> None:
    await raise_alarm(db, organization, "text_unresolved", str(message), "low", SAYS_UNRESOLVED, now)
