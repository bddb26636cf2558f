"""The ways out: each takes one text and says honestly what became of it."""

import uuid
from datetime import datetime
from typing import Protocol

import msgspec

from notifications.messages import Channel


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider needs to know; `attempt` goes into the address it reports back to.

    By channel voice it is a call: the provider asks us what to say when somebody picks up.
    """

    attempt: uuid.UUID
    to_number: str
    from_number: str | None
    body: str
    channel: Channel = "sms"


class Accepted(msgspec.Struct, frozen=True):
    """The provider has it, under this id."""

    sid: str


class Refused(msgspec.Struct, frozen=True):
    """The provider will never send it; nothing went out."""

    code: str


class NotSent(msgspec.Struct, frozen=True):
    """Certainly nothing went out, and trying again later may work: not before `retry_after_s`, when they say so."""

    reason: str
    needs_operator: bool = False
    retry_after_s: float | None = None


class Unknown(msgspec.Struct, frozen=True):
    """It may have gone out, or not."""

    reason: str


class Withheld(msgspec.Struct, frozen=True):
    """There is no way out; it would have gone."""

    reason: str


Result = Accepted | Refused | NotSent | Unknown | Withheld


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the provider knows, and why it failed, when it did."""

    sid: str
    status: str
    error_code: str | None = None


class Gateway(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def default_sender(self) -> str: ...

    async def send(self, text: Text) -> Result:
        """Call the provider once. Never raises for what a network can do."""

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "sms") -> list[Found] | None:
        """What the provider has with this text to this number since then, oldest first; `None`: no answer.

        A call has no words that could be compared: then every call to the number.
        """


class Provider(Gateway, Protocol):
    """A gateway of a running process, with connections that it keeps open."""

    async def close(self) -> None:
        """Let go of them; afterwards nothing is sent any more."""
