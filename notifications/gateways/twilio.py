"""The way out through Twilio: its own SDK, one call per attempt, and an honest answer about what may have happened."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from notifications.gateways import Accepted, Found, NotSent, Refused, Result, Text, Unknown
from notifications.gateways.wire import WENT_WRONG, TooMany, Wire, never_left
from notifications.messages import Channel

TIMEOUT_SECONDS = 8
RING_SECONDS = 25  # about five rings; most voicemail answers later
LOOKBACK = timedelta(minutes=2)  # clocks of two machines differ
FAILURES = (TwilioException, TooMany, *WENT_WRONG)


class TwilioGateway:
    """The SDK's asynchronous client over a session of our own."""

    name = "twilio"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        public_url: str,
        api_url: str | None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        voice_sender: str | None = None,
    ) -> None:
        self.default_sender = sender
        self._voice_sender = voice_sender
        self._public_url = public_url
        self._wire = Wire(api_url, timeout_seconds)
        account = Client(account_sid, auth_token, http_client=self._wire)
        self._messages, self._calls = account.messages, account.calls

    async def send(self, text: Text) -> Result:
        ways = {"sms": self._create, "voice": self._call}
        if text.channel not in ways:
            return Refused(f"no_way_for_{text.channel}")
        if text.channel == "voice" and self._calls_from(text) is None:
            return Refused("no_voice_number")
        try:
            return Accepted(await ways[text.channel](text))
        except FAILURES as error:
            return outcome_of(error)

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "sms") -> list[Found] | None:
        try:
            if channel == "voice":
                listed = await self._calls.list_async(to=to_number, limit=100)
            else:
                listed = [m for m in await self._messages.list_async(to=to_number, limit=100) if m.body == body]
        except FAILURES as error:
            structlog.get_logger().warning("provider_list_failed", kind=type(error).__name__)
            return None
        # Not Twilio's own filter by date: it is by the day it was sent, which a queued one does not have yet.
        ours = (one for one in reversed(listed) if (at := _made(one)) and at >= since - LOOKBACK)
        return [Found(sid=one.sid, status=one.status, error_code=_code(one)) for one in ours]

    async def close(self) -> None:
        await self._wire.close()

    async def _create(self, text: Text) -> str:
        sender = text.from_number or self.default_sender
        origin = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        report_to = f"{self._public_url}/hooks/twilio/status/{text.attempt}"
        made = await self._messages.create_async(to=text.to_number, body=text.body, status_callback=report_to, **origin)
        return str(made.sid)

    async def _call(self, text: Text) -> str:
        ours = f"{self._public_url}/hooks/twilio/calls/{text.attempt}"
        made = await self._calls.create_async(
            to=text.to_number, from_=self._calls_from(text), url=ours, method="POST", timeout=RING_SECONDS,
            status_callback=f"{ours}/status", status_callback_event=["answered", "completed"],
        )  # fmt: skip
        return str(made.sid)

    def _calls_from(self, text: Text) -> str | None:
        """A messaging service texts from many numbers and calls from none: then a number must be set for calls."""
        number = self._voice_sender or text.from_number or self.default_sender
        return None if number.startswith("MG") else number


def _made(one: Any) -> datetime | None:
    at: datetime | None = one.date_created
    return at


def _code(one: Any) -> str | None:
    """A call in the list has none."""
    code = getattr(one, "error_code", None)
    return str(code) if code else None


def outcome_of(error: BaseException) -> Result:
    """What an error means for the text: refused, certainly not sent, or unknown. Doubt is unknown."""
    if isinstance(error, TooMany):
        return NotSent("too_many_requests", retry_after_s=error.retry_after_s)
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return _answered(error.status, str(error.code) if error.code else f"http_{error.status}")
    if never_left(error):
        return NotSent("no_connection")
    return Unknown(type(error).__name__)


def _answered(status: int, code: str) -> Result:
    if status == 401:
        return NotSent("login_refused", needs_operator=True)
    if 400 <= status < 500 and status != 408:
        return Refused(code)
    return Unknown(code)
