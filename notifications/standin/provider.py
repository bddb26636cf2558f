"""What the stand-in provider knows: every text that passed, and who is blocked."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

import msgspec

from notifications.replies import CARRIER_START, CARRIER_STOP
from notifications.segments import cost
from notifications.standin.mishaps import Luck

KEPT = 5000  # texts in memory; the oldest go first
SEGMENT_LIMIT = 1600
# Twilio's own test numbers, each with the error it stands for.
MAGIC_TO = {
    "+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
}  # fmt: skip
SAYS = {
    20003: "Authenticate", 20404: "The requested resource was not found", 20429: "Too Many Requests",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21211: "Invalid 'To' Phone Number", 21408: "Permission to send an SMS has not been enabled for the region",
    21602: "Message body is required", 21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required", 21610: "Attempt to send to unsubscribed recipient",
    21201: "No 'To' number is specified", 21205: "Url is not a valid URL", 21213: "Caller phone number is required",
    21612: "The 'To' phone number is not reachable", 21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit", 30001: "Internal Server Error",
}  # fmt: skip
STOPPED = "You have successfully been unsubscribed. You will not receive any more messages from this number."
STARTED = "You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe."

Direction = Literal["outbound-api", "inbound", "carrier"]


class Passed(msgspec.Struct, kw_only=True):
    """One text; `status` moves on as a carrier would report it."""

    sid: str
    to_number: str
    from_number: str
    body: str
    status: str
    direction: Direction
    created_at: datetime
    sent_at: datetime | None = None
    error_code: int | None = None
    callback: str


class Provider:
    """The state of one stand-in, in memory and bounded."""

    def __init__(
        self, account_sid: str, auth_token: str, sender: str, clock: Callable[[], datetime], service: str | None = None
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.sender = sender
        self.service = service  # the messaging service that our number is in: every webhook names it then
        self.clock = clock
        self.luck = Luck()
        self._texts: OrderedDict[str, Passed] = OrderedDict()
        self._blocked: set[tuple[str, str]] = set()

    def why_not(self, to_number: str, from_number: str, body: str) -> int | None:
        """Twilio's error code for a text it would refuse."""
        checks = {
            21604: not to_number, 21603: not from_number, 21602: not body, 21617: len(body) > SEGMENT_LIMIT,
            21211: not (to_number.startswith("+") and to_number[1:].isdigit() and 8 <= len(to_number) <= 16),
            21610: (from_number, to_number) in self._blocked,
        }  # fmt: skip
        return MAGIC_TO.get(to_number) or next((code for code, holds in checks.items() if holds), None)

    def accept(self, to_number: str, from_number: str, body: str, callback: str) -> Passed:
        return self._keep(to_number, from_number, body, "queued", "outbound-api", callback)

    def receive(self, from_number: str, to_number: str, body: str) -> Passed:
        """A text from a phone. The exact keywords block and unblock, and are answered, as at Twilio."""
        text = self._keep(to_number, from_number, body, "received", "inbound")
        word = body.strip().upper()
        if word in CARRIER_STOP:
            self._blocked.add((to_number, from_number))
            self._keep(from_number, to_number, STOPPED, "delivered", "carrier")
        elif word in CARRIER_START and (to_number, from_number) in self._blocked:
            self._blocked.discard((to_number, from_number))
            self._keep(from_number, to_number, STARTED, "delivered", "carrier")
        return text

    def sent(self) -> list[Passed]:
        """What the product sent, oldest first."""
        return [text for text in self._texts.values() if text.direction == "outbound-api"]

    def get(self, sid: str) -> Passed | None:
        return self._texts.get(sid)

    def conversations(self) -> list[tuple[str, list[Passed]]]:
        """(phone, its texts oldest first), the phone with the newest text first."""
        phones: dict[str, list[Passed]] = {}
        for text in self._texts.values():
            phones.setdefault(text.from_number if text.direction == "inbound" else text.to_number, []).append(text)
        return sorted(phones.items(), key=lambda item: item[1][-1].created_at, reverse=True)

    def as_twilio(self, text: Passed) -> dict[str, Any]:
        """The text as Twilio's API shows it."""
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        return {
            "account_sid": self.account_sid, "api_version": "2010-04-01", "body": text.body,
            "date_created": format_datetime(text.created_at), "date_updated": format_datetime(text.created_at),
            "date_sent": format_datetime(text.sent_at) if text.sent_at else None, "direction": text.direction,
            "error_code": text.error_code, "error_message": None, "from": text.from_number, "num_media": "0",
            "messaging_service_sid": self.service, "num_segments": str(cost(text.body).segments), "price": None,
            "price_unit": "USD", "sid": text.sid, "status": text.status, "to": text.to_number, "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip

    def _keep(
        self, to_number: str, from_number: str, body: str, status: str, direction: Direction, callback: str = ""
    ) -> Passed:
        text = Passed(
            sid=f"SM{secrets.token_hex(16)}", to_number=to_number, from_number=from_number, body=body, status=status,
            direction=direction, created_at=self.clock(), callback=callback,
        )  # fmt: skip
        self._texts[text.sid] = text
        if len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        return text
