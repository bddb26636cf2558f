"""What the stand-in tells the product, signed as Twilio signs: how a text fares, and what a patient wrote."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import aiohttp
import structlog
from twilio.request_validator import RequestValidator

from notifications.segments import cost
from notifications.standin.provider import Passed, Provider

INBOUND = "/hooks/twilio/inbound"
ANOTHERS = "not-the-account's-token"
FORBIDDEN = 403


class Webhooks:
    """Posts to the product; one client for all, and the tasks that wait to report."""

    def __init__(self, provider: Provider, base: str, pace_seconds: float) -> None:
        self._provider = provider
        self._base = base.rstrip("/")
        self._pace = pace_seconds
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10), connector=aiohttp.TCPConnector(limit=16)
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.forged, self.believed = 0, 0

    async def early(self, text: Passed) -> None:
        """One report that is there before the request for the text is answered."""
        await self._report(text, "queued")

    def follow(self, text: Passed, *, arrives: bool = True) -> None:
        """Report sent, then delivered (or undelivered), a little later each."""
        callbacks = self._provider.luck.chances.callbacks
        steps = ["sent", "delivered" if arrives else "undelivered"]
        if callbacks.wild:
            steps *= callbacks.times
            if callbacks.shuffled:
                self._provider.luck.dice.shuffle(steps)
            for step in steps:
                self._begin(self._later(text, step, callbacks.late_s * self._provider.luck.dice.random()))
            self._end_as(text, "delivered" if arrives else "undelivered")
        else:
            self._begin(self._fare(text, steps))
        if self._provider.luck.forges():
            self._begin(self._forge(text))

    async def inbound(self, text: Passed) -> int:
        """Bring a patient's text; the product's HTTP status, 0 when it is not there."""
        return await self._post(self._base + INBOUND, text, _said(text))

    async def ask(self, url: str, form: dict[str, str]) -> str:
        """Ask the product what a call should say, or tell it how it fares; empty when it is not there."""
        status, answer = await self._send(url, form)
        return answer if 200 <= status < 300 else ""

    def tell_wildly(self, url: str, form: dict[str, str]) -> None:
        """One report of a call, as often and as late as was asked for; those after it may overtake it."""
        callbacks, dice = self._provider.luck.chances.callbacks, self._provider.luck.dice
        latest = callbacks.late_s + (4 * self._pace if callbacks.shuffled else 0)
        for _ in range(callbacks.times):
            self._begin(self._tell(url, form, latest * dice.random()))

    async def forge_call(self, url: str, form: dict[str, str]) -> None:
        """Somebody else says that the call was picked up, or that no call can ever be placed there."""
        lie = self._provider.luck.dice.choice(
            [{"CallStatus": "completed"}, {"CallStatus": "failed", "ErrorCode": "21217"}]
        )
        self.forged += 1
        status, _ = await self._send(url, form | lie, ANOTHERS)
        self.believed += status != FORBIDDEN

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fare(self, text: Passed, steps: list[str]) -> None:
        for status in steps:
            await asyncio.sleep(self._pace)
            self._end_as(text, status)
            await self._report(text, status)

    async def _later(self, text: Passed, status: str, seconds: float) -> None:
        await asyncio.sleep(self._pace + seconds)
        await self._report(text, status)

    async def _tell(self, url: str, form: dict[str, str], seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._send(url, form)

    def _end_as(self, text: Passed, status: str) -> None:
        text.status = status
        text.sent_at = text.sent_at or self._provider.clock()
        text.error_code = 30003 if status == "undelivered" else None

    async def _report(self, text: Passed, status: str) -> None:
        if text.callback:
            await self._post(text.callback, text, _fared(status))

    async def _forge(self, text: Passed) -> None:
        """Somebody else says that the text failed for good, or that the patient opts out: signed with another token."""
        lie = self._provider.luck.dice.choice(["failed", "STOP", "START"])
        self.forged += 1
        if lie == "failed" and text.callback:
            status = await self._post(text.callback, text, _fared("failed") | {"ErrorCode": "21610"}, token=ANOTHERS)
        else:
            theirs = {"From": text.to_number, "To": text.from_number, "Body": lie}
            status = await self._post(self._base + INBOUND, text, _said(text) | theirs, token=ANOTHERS)
        self.believed += status != FORBIDDEN

    async def _post(self, url: str, text: Passed, about: dict[str, str], token: str | None = None) -> int:
        form = {
            "MessageSid": text.sid, "SmsSid": text.sid, "AccountSid": self._provider.account_sid,
            "From": text.from_number, "To": text.to_number, "ApiVersion": "2010-04-01", **about,
        }  # fmt: skip
        if self._provider.service:
            form["MessagingServiceSid"] = self._provider.service
        return (await self._send(url, form, token))[0]

    async def _send(self, url: str, form: dict[str, str], token: str | None = None) -> tuple[int, str]:
        """(HTTP status, what was answered); 0 when nobody is there."""
        signature = RequestValidator(token or self._provider.auth_token).compute_signature(url, form)
        try:
            async with self._client.post(url, data=form, headers={"X-Twilio-Signature": signature}) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            structlog.get_logger().warning("webhook_failed", kind=type(error).__name__)
            return 0, ""


def _said(text: Passed) -> dict[str, str]:
    return {
        "SmsMessageSid": text.sid, "NumMedia": "0", "NumSegments": str(cost(text.body).segments),
        "SmsStatus": "received", "Body": text.body,
    }  # fmt: skip


def _fared(status: str) -> dict[str, str]:
    code = {"ErrorCode": "30003"} if status == "undelivered" else {}
    return {"MessageStatus": status, "SmsStatus": status, **code}
