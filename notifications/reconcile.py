"""Finds out what became of texts whose sender died or heard nothing: never by sending a reminder again."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from notifications import attempts, outbox, receipts
from notifications.gateways import Found, Gateway
from notifications.outbox import InDoubt
from notifications.refusals import OpenTask, RaiseAlarm, Refusal, draw_consequences
from notifications.sender import Transaction

GIVE_UP_AFTER = timedelta(minutes=15)
AT_ONCE = 8  # the sender calls over the same connections
ROUND_SECONDS = 20  # after that no further question is begun in this round
SAYS_UNRESOLVED = "It is not known whether a reminder was sent. It will not be sent again; look at the provider's log."
SAYS_TASK = (
    "It is not known whether a text reached this patient, and it will not be sent again. Call them if it matters."
)


async def put_back(transaction: Transaction, clock: Callable[[], datetime]) -> int:
    """Free what was claimed in vain, and mark what is unknown; it asks nobody, so nobody can hold it up."""
    async with transaction() as db:
        freed = await outbox.release(db, clock()) + await outbox.abandon(db, clock())
    _note(freed)
    return freed


async def reconcile(
    transaction: Transaction,
    gateway: Gateway,
    raise_alarm: RaiseAlarm,
    clock: Callable[[], datetime],
    open_task: OpenTask | None = None,
    give_up_after: timedelta = GIVE_UP_AFTER,
    unreported: Sequence[InDoubt] = (),
) -> int:
    """Ask the provider about what is unknown or unreported, a few at a time and not for long; returns how many moved.

    A provider that gives no answer is not asked on: what has been unknown for too long becomes a person's task anyhow.
    """
    async with transaction() as db:
        doubtful = _in_turn([*unreported, *await outbox.in_doubt(db, gateway.default_sender)], clock())
    ends, silent, moved = asyncio.get_running_loop().time() + ROUND_SECONDS, False, 0
    for begin in range(0, len(doubtful), AT_ONCE):
        some = doubtful[begin : begin + AT_ONCE]
        if not silent and asyncio.get_running_loop().time() >= ends:
            break  # the others' turn is in another round
        answers = [None] * len(some) if silent else await _ask(gateway, some)
        silent = silent or all(found is None for found in answers)
        for message, found in zip(some, answers, strict=True):
            async with transaction() as db:
                late = clock() - message.started_at >= give_up_after
                if await _found(db, message, found, raise_alarm, open_task, clock()):
                    moved += 1
                elif late and await outbox.settle(db, message.id, "unknown", "unresolved", since=("unknown",)):
                    await _tell(db, message, raise_alarm, open_task, clock())
                    moved += 1
    _note(moved)
    return moved


def _in_turn(doubtful: list[InDoubt], now: datetime) -> list[InDoubt]:
    """Each round begins with another, so that a round too short for all leaves out nobody for ever."""
    first = int(now.timestamp()) % len(doubtful) if doubtful else 0
    return doubtful[first:] + doubtful[:first]


async def _ask(gateway: Gateway, some: Iterable[InDoubt]) -> list[list[Found] | None]:
    async def ask(message: InDoubt) -> list[Found] | None:
        ways = () if message.channel == "sms" else (message.channel,)
        return await gateway.find(message.to_number, message.body, message.started_at, *ways)

    return list(await asyncio.gather(*map(ask, some)))


def _note(count: int) -> None:
    if count:
        structlog.get_logger().info("texts_reconciled", count=count)


async def _found(
    db: object,
    message: InDoubt,
    found: list[Found] | None,
    raise_alarm: RaiseAlarm,
    open_task: OpenTask | None,
    now: datetime,
) -> bool:
    """Does the provider have one that is no other attempt's? Then it is this one's, and what failed has its reason."""
    taken = await attempts.known(db, [one.sid for one in found or []])
    ours = next((one for one in found or [] if one.sid == message.sid or not (message.sid or one.sid in taken)), None)
    if ours is None:
        return False
    await attempts.finish(db, message.attempt_id, "accepted", now, sid=ours.sid, code=ours.error_code)
    status = receipts.MEANS.get(ours.status, "sent")
    code = ours.error_code if status == "failed" else None
    moved = await receipts.advance(db, message.attempt_id, status, code)
    if moved is not None and code is not None:
        refusal = Refusal(
            organization_id=moved.organization_id, purpose=moved.purpose, channel=moved.channel,
            patient_id=moved.patient_id, to_hash=moved.to_hash, from_number=message.from_number, code=code,
        )  # fmt: skip
        await draw_consequences(db, refusal, raise_alarm, open_task, now)
    return moved is not None or message.sid is None


async def _tell(
    db: object, message: InDoubt, raise_alarm: RaiseAlarm, open_task: OpenTask | None, now: datetime
) -> None:
    """About a patient it is a task; about anybody else an alarm."""
    organization, subject = message.organization_id, str(message.id)
    if message.patient_id is None or open_task is None:
        await raise_alarm(db, organization, "text_unresolved", subject, "low", SAYS_UNRESOLVED, now)
        return
    await open_task(
        db, organization=organization, kind="text_unresolved", subject=subject, says=SAYS_TASK, now=now,
        patient=message.patient_id,
    )  # fmt: skip
