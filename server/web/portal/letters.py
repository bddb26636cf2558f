"""A text we sent, as its patient reads it: what it said, when, and what became of it in plain words."""

from datetime import datetime

import msgspec

from server.people.letters import Letter
from server.web.portal.visit import Visit
from server.web.portal.words import Words

MOST = 50
SIGNS = {"delivered": "check", "sent": "check", "failed": "stop", "suppressed": "stop", "withheld": "stop"}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """`sign` is a shape beside the words: arrived, not sent, or neither yet."""

    body: str
    language: str
    at: datetime
    when: str
    state: str
    to: str
    sign: str


def shown(letter: Letter, visit: Visit) -> Shown:
    """In the patient's language and zone; a text still to be sent shows when it may go."""
    words = visit.words
    at = letter.claimed_at or (letter.not_before if letter.status == "queued" else letter.created_at)
    return Shown(
        body=letter.body,
        language=letter.language,
        at=at,
        when=f"{words.day(words.local_day(at))}, {words.clock(at)}",
        state=_state(letter, words),
        to=_to(letter, words),
        sign=SIGNS.get(letter.status, "dot"),
    )


def _to(letter: Letter, words: Words) -> str:
    if letter.to_proxy:
        return words("messages.sent_proxy")
    if letter.channel in {"email", "portal"}:
        return words(f"messages.sent_{letter.channel}")
    name = "sent_call" if letter.channel == "voice" else "sent_to"
    return words(f"messages.{name}", ending=letter.to_number[-4:])


def _state(letter: Letter, words: Words) -> str:
    """ "Delivered to your phone", "Not sent: you turned these texts off"."""
    why = (
        words.maybe(f"reason.{(letter.reason or '').partition(' after ')[0]}")
        if letter.status == "suppressed"
        else None
    )
    if why:
        return f"{words('state.suppressed')}: {why}"
    if letter.status == "delivered" and letter.to_proxy:
        return words("state.sent")
    here = letter.status == "delivered" and letter.channel == "portal"
    return words("state.here" if here else f"state.{letter.status}")
