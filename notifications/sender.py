"""Sends what is due: claim, ask the policy again, write the attempt, call the provider, write what became of it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import structlog

from notifications import attempts, facts, opt_outs, outbox
from notifications.gateways import Accepted, Gateway, NotSent, Refused, Result, Text, Unknown, Withheld
from notifications.outbox import Claimed
from notifications.policy import Defer, Suppress, decide

BATCH = 16  # calls at a time; each takes a thread
OPTED_OUT_AT_CARRIER = "21610"
SAYS_NOT_LEAVING = "Text messages are not leaving. Check the provider's login and connection."
SAYS_PAGE_FAILED = "A page to staff could not be delivered. Tell them by telephone and check their number."
Severity = Literal["low", "medium", "high"]

Transaction = Callable[[], AbstractAsyncContextManager[Any]]
Claim = Callable[[Any, datetime, int], Awaitable[list[Claimed]]]


class RaiseAlarm(Protocol):
    """How trouble becomes visible to people; given by the server, which knows alarms."""

    def __call__(
        self, db: Any, organization: uuid.UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
    ) -> Awaitable[object]: ...


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
    ) -> None:
        self._transaction = transaction
        self._gateway = gateway
        self._raise_alarm = raise_alarm
        self._clock = clock
        self._new_id = new_id
        self._claim = claim

    async def send_due(self) -> int:
        """Send one batch; returns how many messages were claimed, so 0 means that nothing is due."""
        async with self._transaction() as db:
            await outbox.release_urgent(db, self._clock())
            claimed = await self._claim(db, self._clock(), BATCH)
        # Gathered, not grouped: one that fails must not cancel the others in the middle of their call.
        for ended in await asyncio.gather(*map(self._send, claimed), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
        return len(claimed)

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
                await self._suppress(db, message, decision, now)
                return None
            text = Text(
                attempt=self._new_id(), to_number=message.to_number, from_number=sender, body=message.body,
                channel=message.channel,
            )  # fmt: skip
            ours = await attempts.start(db, text.attempt, message.id, message.claimed_at, self._gateway.name, now)
        return text if ours else None

    async def _suppress(self, db: Any, message: Claimed, decision: Suppress, now: datetime) -> None:
        await outbox.settle(db, message.id, decision.status, decision.reason)
        if message.purpose == "page" and decision.reason in {"opted_out", "no_number"}:
            await self._page_failed(db, message, now)

    async def _record(self, db: Any, message: Claimed, text: Text, result: Result) -> None:
        now = self._clock()
        match result:
            case Accepted(sid=sid):
                await attempts.finish(db, text.attempt, "accepted", now, sid=sid)
                await outbox.settle(db, message.id, "sent", since=("sending", "unknown"))
            case Refused(code=code):
                await attempts.finish(db, text.attempt, "rejected", now, code=code)
                await self._refused(db, message, text, code, now)
            case NotSent(reason=reason):
                await attempts.finish(db, text.attempt, "rejected", now, code=reason)
                await self._again(db, message, reason, now, needs_operator=result.needs_operator)
            case Withheld(reason=reason):
                await attempts.finish(db, text.attempt, "rejected", now, code=reason)
                await outbox.settle(db, message.id, "withheld", reason)
            case Unknown(reason=reason):
                if await attempts.finish(db, text.attempt, "unknown", now, code=reason):
                    await self._unknown(db, message, reason, now)

    async def _refused(self, db: Any, message: Claimed, text: Text, code: str, now: datetime) -> None:
        await outbox.settle(db, message.id, "failed", code)
        if code == OPTED_OUT_AT_CARRIER and text.from_number:
            await opt_outs.record(db, message.organization_id, text.from_number, message.to_hash, "provider", now)
        if message.purpose == "page":
            await self._page_failed(db, message, now)

    async def _unknown(self, db: Any, message: Claimed, reason: str, now: datetime) -> None:
        if message.at_least_once:
            await self._again(db, message, reason, now)
        else:
            await outbox.settle(db, message.id, "unknown", reason)

    async def _again(
        self, db: Any, message: Claimed, reason: str, now: datetime, *, needs_operator: bool = False
    ) -> None:
        tries = await attempts.count(db, message.id)
        later = now + backoff(tries, urgent=message.at_least_once)
        await outbox.settle(db, message.id, "queued", reason, not_before=later)
        if needs_operator or tries in {5, 50}:
            await self._raise_alarm(
                db, message.organization_id, "texts_not_leaving", self._gateway.name, "high", SAYS_NOT_LEAVING, now
            )

    async def _page_failed(self, db: Any, message: Claimed, now: datetime) -> None:
        subject = str(message.alert_id or message.id)
        await self._raise_alarm(db, message.organization_id, "page_failed", subject, "high", SAYS_PAGE_FAILED, now)


def backoff(tries: int, *, urgent: bool) -> timedelta:
    """How long to wait after so many tries: pages 2, 4, 8 … 60 seconds, everything else 10, 20 … 600."""
    first, longest = (2, 60) if urgent else (10, 600)
    return timedelta(seconds=min(first * 2 ** min(tries - 1, 10), longest))
