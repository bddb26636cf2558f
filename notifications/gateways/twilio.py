"""The way out through Twilio: its own SDK, one call per attempt, and an honest answer about what may have happened."""

import asyncio
import logging
import ssl
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import structlog
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError

from notifications.gateways import Accepted, Found, NotSent, Refused, Result, Text, Unknown

TIMEOUT_SECONDS = 8
RING_SECONDS = 25  # about five rings; most voicemail answers later
LOOKBACK = timedelta(minutes=2)  # clocks of two machines differ
NOT_OUR_WORDS = logging.getLogger("careloop.twilio.silent")  # the SDK logs numbers and bodies; nobody may read them
NOT_OUR_WORDS.disabled = True


class StandInClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Twilio's HTTP client with a deadline, without its logging, and pointed at another host when we say so."""

    def __init__(self, api_url: str | None, timeout_seconds: float) -> None:
        super().__init__(timeout=timeout_seconds, logger=NOT_OUR_WORDS)
        self._api = urlsplit(api_url) if api_url else None

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        if self._api:
            url = urlunsplit(urlsplit(url)._replace(scheme=self._api.scheme, netloc=self._api.netloc))
        return super().request(method, url, *args, **options)


class TwilioGateway:
    """The SDK's synchronous client in a thread: its asynchronous one is three times slower."""

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
        self._client = Client(account_sid, auth_token, http_client=StandInClient(api_url, timeout_seconds))

    async def send(self, text: Text) -> Result:
        if text.channel == "voice" and self._calls_from(text) is None:
            return Refused("no_voice_number")
        try:
            created = await asyncio.to_thread(self._call if text.channel == "voice" else self._create, text)
        except (TwilioException, requests.RequestException, OSError, ValueError) as error:
            return outcome_of(error)
        return Accepted(created)

    async def find(self, to_number: str, body: str, since: datetime) -> list[Found] | None:
        try:
            listed = await asyncio.to_thread(self._client.messages.list, to=to_number, limit=100)
        except (TwilioException, requests.RequestException, OSError, ValueError) as error:
            structlog.get_logger().warning("provider_list_failed", kind=type(error).__name__)
            return None
        # Not Twilio's own filter by date: it is by the day it was sent, which a queued one does not have yet.
        ours = (m for m in reversed(listed) if m.body == body and m.date_created and m.date_created >= since - LOOKBACK)
        return [Found(sid=m.sid, status=m.status) for m in ours]

    def _create(self, text: Text) -> str:
        sender = text.from_number or self.default_sender
        origin = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        report_to = f"{self._public_url}/hooks/twilio/status/{text.attempt}"
        return str(
            self._client.messages.create(to=text.to_number, body=text.body, status_callback=report_to, **origin).sid
        )

    def _call(self, text: Text) -> str:
        ours = f"{self._public_url}/hooks/twilio/calls/{text.attempt}"
        return str(
            self._client.calls.create(
                to=text.to_number, from_=self._calls_from(text), url=ours, method="POST", timeout=RING_SECONDS,
                status_callback=f"{ours}/status", status_callback_event=["answered", "completed"],
            ).sid
        )  # fmt: skip

    def _calls_from(self, text: Text) -> str | None:
        """A messaging service texts from many numbers and calls from none: then a number must be set for calls."""
        number = self._voice_sender or text.from_number or self.default_sender
        return None if number.startswith("MG") else number


def outcome_of(error: Exception) -> Result:
    """What an error means for the text: refused, certainly not sent, or unknown. Doubt is unknown."""
    if isinstance(error, TwilioRestException):
        return _answered(error.status, str(error.code) if error.code else f"http_{error.status}")
    if _never_left(error):
        return NotSent("no_connection")
    return Unknown(type(error).__name__)


def _answered(status: int, code: str) -> Result:
    if status == 429:
        return NotSent("too_many_requests")
    if status == 401:
        return NotSent("login_refused", needs_operator=True)
    if 400 <= status < 500 and status != 408:
        return Refused(code)
    return Unknown(code)


def _never_left(error: Exception) -> bool:
    """Only a failure to connect proves that no request was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    cause = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(cause, TlsError):
        return bool(cause.args) and isinstance(cause.args[0], ssl.SSLCertVerificationError)
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)
