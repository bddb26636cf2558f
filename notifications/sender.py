"""Sends what is due: claim, ask the policy again, write the attempt, call the provider, write what became of it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from notifications import attempts, facts, outbox
from notifications.gateways import Accepted, Gateway, NotSent, Refused, Result, Text, Unknown, Withheld
from notifications.messages import Channel
from notifications.outbox import Claimed
from notifications.policy import Defer, Suppress, decide
from notifications.refusals import OpenTask, RaiseAlarm, Refusal, draw_consequences, meaning_of, tell_operator

BATCH = 16  # under way at a time
LOOKS_AGAIN = 0.5  # seconds; a page that comes while others are under way does not wait for them
LONGEST_S = {True: 60.0, False: 600.0}  # between two tries, by whether it is urgent
LOGIN_REFUSED = "20003"
SAYS_NOT_LEAVING = "Text messages are not leaving. Check the provider's login and connection."
SAYS_PAGE_FAILED = "A page to staff could not be delivered. Tell them by telephone and check their number."
SAYS_NEVER_LEFT = "A text that staff wrote to this patient could not be sent for two days, and will not be. Call them."

Transaction = Callable[[], AbstractAsyncContextManager[Any]]
Claim = Callable[[Any, datetime, int], Awaitable[list[Claimed]]]


class Hold(Protocol):
    """How everybody comes to wait with one of our numbers."""

    def __call__(self, db: Any, number: str, channel: Channel, until: datetime, now: datetime) -> Awaitable[object]: ...


class Sender:
    """One of any number of senders; the database decides who sends what."""

    def __init__(
        self,
        transaction: Transaction,
        gateway: Gateway,
        raise_alarm: RaiseAlarm,
        clock: Callable[[], datetime],
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
        claim: Claim = outbox.claim,
        hold: Hold | None = None,
        open_task: OpenTask | None = None,
    ) -> None:
        self._transaction = transaction
        self._gateway = gateway
        self._raise_alarm = raise_alarm
        self._clock = clock
        self._new_id = new_id
        self._claim = claim
        self._hold = hold
        self._open_task = open_task
        self._under_way: set[asyncio.Task[None]] = set()

    async def send_due(self) -> int:
        """Send one batch; returns how many messages were claimed, so 0 means that nothing is due."""
        claimed = await self._take(BATCH)
        # Gathered, not grouped: one that fails must not cancel the others in the middle of their call.
        for ended in await asyncio.gather(*map(self._send, claimed), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
        return len(claimed)

    async def send_on(self) -> bool:
        """Begin as many as there is room for, and wait until one ends: a slow call holds nobody up.

        False when nothing is due and nothing under way. What is under way goes on after the return.
        """
        claimed = await self._take(BATCH - len(self._under_way)) if len(self._under_way) < BATCH else []
        self._under_way |= {asyncio.create_task(self._send(one)) for one in claimed}
        if not self._under_way:
            return False
        ended, self._under_way = await asyncio.wait(
            self._under_way, timeout=LOOKS_AGAIN, return_when=asyncio.FIRST_COMPLETED
        )
        for task in ended:
            task.result()
        return True

    async def finish(self) -> None:
        """Let those that are under way end: each writes down what became of it."""
        under_way, self._under_way = self._under_way, set()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _take(self, most: int) -> list[Claimed]:
        async with self._transaction() as db:
            await outbox.release_urgent(db, self._clock())
            return await self._claim(db, self._clock(), most)

    async def _send(self, message: Claimed) -> None:
        text = await self._prepare(message)
        if text is None:
            return
        result = await self._gateway.send(text)
        async with self._transaction() as db:
            await self._record(db, message, text, result)
        structlog.get_logger().info(
            message.channel, message=str(message.id), purpose=message.purpose, result=type(result).__name__.lower()
        )

    async def _prepare(self, message: Claimed) -> Text | None:
        """Decide once more with today's facts; when it may go, commit an attempt before anybody is called."""
        now = self._clock()
        async with self._transaction() as db:
            known, sender = await facts.of(db, message.id, self._gateway.default_sender, now)
            decision = decide(known, now)
            if isinstance(decision, Defer):
                await outbox.settle(db, message.id, "queued", decision.reason, not_before=decision.until)
                return None
            if isinstance(decision, Suppress):
                await self._suppress(db, message, decision, now, by_staff=known.by_staff)
                return None
            text = Text(
                attempt=self._new_id(), to_number=message.to_number, from_number=sender, body=message.body,
                channel=message.channel,
            )  # fmt: skip
            ours = await attempts.start(db, text.attempt, message.id, message.claimed_at, self._gateway.name, now)
        return text if ours else None

    async def _suppress(self, db: Any, message: Claimed, decision: Suppress, now: datetime, *, by_staff: bool) -> None:
        await outbox.settle(db, message.id, decision.status, decision.says)
        if by_staff and decision.reason == "too_late" and self._open_task is not None:
            await self._open_task(
                db, organization=message.organization_id, kind="text_unresolved", subject=str(message.id),
                says=SAYS_NEVER_LEFT, now=now, patient=message.patient_id,
            )  # fmt: skip
        if message.purpose == "page" and decision.reason in {"opted_out", "no_number"}:
            await self._page_failed(db, message, now)

    async def _record(self, db: Any, message: Claimed, text: Text, result: Result) -> None:
        now = self._clock()
        match result:
            case Accepted(sid=sid):
                await attempts.finish(db, text.attempt, "accepted", now, sid=sid)
                await outbox.settle(db, message.id, "sent", since=outbox.UNANSWERED)
            case Refused(code=code):
                await attempts.finish(db, text.attempt, "rejected", now, code=code)
                await self._refused(db, message, text, code, now)
            case NotSent(reason=reason):
                await attempts.finish(db, text.attempt, "rejected", now, code=reason)
                await self._not_sent(db, message, text, result, now)
            case Withheld(reason=reason):
                await attempts.finish(db, text.attempt, "rejected", now, code=reason)
                await outbox.settle(db, message.id, "withheld", reason, since=outbox.UNANSWERED)
            case Unknown(reason=reason):
                if await attempts.finish(db, text.attempt, "unknown", now, code=reason):
                    await self._unknown(db, message, reason, now)

    async def _refused(self, db: Any, message: Claimed, text: Text, code: str, now: datetime) -> None:
        refusal = Refusal(
            organization_id=message.organization_id, purpose=message.purpose, channel=message.channel,
            patient_id=message.patient_id, to_hash=message.to_hash, from_number=text.from_number or "", code=code,
        )  # fmt: skip
        await draw_consequences(db, refusal, self._raise_alarm, self._open_task, now)
        if meaning_of(code).follows == "operator" and not message.at_least_once:
            await self._again(db, message, code, now)  # it waits until the settings are mended, or is moot by then
            return
        await outbox.settle(db, message.id, "failed", code, since=outbox.UNANSWERED)
        if message.purpose == "page":
            await self._page_failed(db, message, now)

    async def _not_sent(self, db: Any, message: Claimed, text: Text, result: NotSent, now: datetime) -> None:
        await self._again(db, message, result.reason, now, wait_s=result.retry_after_s)
        if result.retry_after_s is not None and self._hold is not None:
            until = now + timedelta(seconds=result.retry_after_s)
            await self._hold(db, text.from_number or "", message.channel, until, now)
        if result.needs_operator:
            await tell_operator(db, message.organization_id, LOGIN_REFUSED, self._raise_alarm, now)

    async def _unknown(self, db: Any, message: Claimed, reason: str, now: datetime) -> None:
        if message.at_least_once:
            await self._again(db, message, reason, now)
        else:
            await outbox.settle(db, message.id, "unknown", reason)

    async def _again(
        self, db: Any, message: Claimed, reason: str, now: datetime, *, wait_s: float | None = None
    ) -> None:
        tries = await attempts.count(db, message.id)
        urgent = message.at_least_once
        later = backoff(tries, urgent=urgent) if wait_s is None else asked_to_wait(wait_s, urgent=urgent)
        await outbox.again(db, message.id, reason, now + later)
        if tries in {5, 50} and wait_s is None:
            await self._raise_alarm(
                db, message.organization_id, "texts_not_leaving", self._gateway.name, "high", SAYS_NOT_LEAVING, now
            )

    async def _page_failed(self, db: Any, message: Claimed, now: datetime) -> None:
        subject = str(message.alert_id or message.id)
        await self._raise_alarm(db, message.organization_id, "page_failed", subject, "high", SAYS_PAGE_FAILED, now)


def backoff(tries: int, *, urgent: bool) -> timedelta:
    """How long to wait after so many tries: pages 2, 4, 8 … 60 seconds, everything else 10, 20 … 600."""
    first = 2 if urgent else 10
    return timedelta(seconds=min(first * 2 ** min(tries - 1, 10), LONGEST_S[urgent]))


def asked_to_wait(seconds: float, *, urgent: bool) -> timedelta:
    """As long as the provider says, within reason: a page tries again each minute whatever it says."""
    return timedelta(seconds=min(seconds, LONGEST_S[urgent]))
