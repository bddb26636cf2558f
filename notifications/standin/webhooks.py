"""What the stand-in tells the product, signed as Twilio signs: how a text fares, and what a patient wrote."""

import asyncio

import httpx
import structlog
from twilio.request_validator import RequestValidator

from notifications.segments import cost
from notifications.standin.provider import Passed, Provider

INBOUND = "/hooks/twilio/inbound"


class Webhooks:
    """Posts to the product; one client for all, and the tasks that wait to report."""

    def __init__(self, provider: Provider, base: str, pace_seconds: float) -> None:
        self._provider = provider
        self._base = base.rstrip("/")
        self._pace = pace_seconds
        self._client = httpx.AsyncClient(timeout=10, trust_env=False)
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, text: Passed, *, arrives: bool = True) -> None:
        """Report sent, then delivered (or undelivered), a little later each."""
        task = asyncio.create_task(self._fare(text, ["sent", "delivered" if arrives else "undelivered"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def inbound(self, text: Passed) -> int:
        """Bring a patient's text; the product's HTTP status, 0 when it is not there."""
        about = {
            "SmsMessageSid": text.sid, "NumMedia": "0", "NumSegments": str(cost(text.body).segments),
            "SmsStatus": "received", "Body": text.body,
        }  # fmt: skip
        return await self._post(self._base + INBOUND, text, about)

    async def ask(self, url: str, form: dict[str, str]) -> str:
        """Ask the product what a call should say, or tell it how it fares; empty when it is not there."""
        answer = await self._send(url, form)
        return answer.text if answer is not None and answer.is_success else ""

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _fare(self, text: Passed, steps: list[str]) -> None:
        for status in steps:
            await asyncio.sleep(self._pace)
            text.status = status
            text.sent_at = text.sent_at or self._provider.clock()
            text.error_code = 30003 if status == "undelivered" else None
            code = {"ErrorCode": str(text.error_code)} if text.error_code else {}
            if text.callback:
                await self._post(text.callback, text, {"MessageStatus": status, "SmsStatus": status, **code})

    async def _post(self, url: str, text: Passed, about: dict[str, str]) -> int:
        form = {
            "MessageSid": text.sid, "SmsSid": text.sid, "AccountSid": self._provider.account_sid,
            "From": text.from_number, "To": text.to_number, "ApiVersion": "2010-04-01", **about,
        }  # fmt: skip
        answer = await self._send(url, form)
        return answer.status_code if answer is not None else 0

    async def _send(self, url: str, form: dict[str, str]) -> httpx.Response | None:
        signature = RequestValidator(self._provider.auth_token).compute_signature(url, form)
        try:
            answer = await self._client.post(url, data=form, headers={"X-Twilio-Signature": signature})
        except httpx.HTTPError as error:
            structlog.get_logger().warning("webhook_failed", kind=type(error).__name__)
            return None
        return answer
