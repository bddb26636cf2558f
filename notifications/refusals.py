"""What a provider's error code means, and what follows from it: one table for texts and calls, refused or undelivered.

Sources: Twilio's error dictionary, docs/api/errors/<code> of its site, one page a code. What follows is ours.
"""

import uuid
from collections.abc import Awaitable
from datetime import date, datetime
from typing import Any, Literal, Protocol

import msgspec

from notifications import opt_outs, telephones
from notifications.messages import Channel, Purpose

Severity = Literal["low", "medium", "high"]
Follows = Literal["opt_out", "cannot", "landline", "unreached", "operator", "nothing"]
UNREACHED_TIMES = 3  # a telephone that is off tonight is no wrong number; one that was off three times in a row is


class RaiseAlarm(Protocol):
    """How trouble becomes visible to people; given by the server, which knows alarms."""

    def __call__(
        self, db: Any, organization: uuid.UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
    ) -> Awaitable[object]: ...


class OpenTask(Protocol):
    """How a person gets something to do; given by the server, which knows tasks. False when it is open already."""

    def __call__(
        self,
        db: Any,
        *,
        organization: uuid.UUID,
        kind: str,
        subject: str,
        says: str,
        now: datetime,
        patient: uuid.UUID | None = None,
        due_on: date | None = None,
    ) -> Awaitable[bool]: ...


class Meaning(msgspec.Struct, frozen=True):
    """What the code says in plain words, what follows, and what the administrator should do about it."""

    words: str
    follows: Follows
    advice: str = ""


CHECK_NUMBER = "Check the sender number that is set here against the numbers of the provider's account."
MEANINGS = {
    # The person at the other end does not want it.
    "21610": Meaning("the carrier has the number opted out", "opt_out"),
    # The number.
    "21211": Meaning("not a number that exists", "cannot"),
    "21217": Meaning("not a number that exists", "cannot"),
    "13224": Meaning("not a number that can be called", "cannot"),
    "21214": Meaning("the number cannot be reached", "cannot"),
    "21612": Meaning("the number cannot be reached from ours", "cannot"),
    "21614": Meaning("not a mobile number", "landline"),
    "21635": Meaning("a landline", "landline"),
    "30003": Meaning("the telephone is off or out of reach", "unreached"),
    "30004": Meaning("the number is blocked for our texts", "cannot"),
    "30005": Meaning("no such telephone", "cannot"),
    "30006": Meaning("a landline, or its carrier takes no texts", "landline"),
    # The address.
    "smtp_rcpt_550": Meaning("no such mailbox", "cannot"),
    "smtp_rcpt_551": Meaning("no mailbox there any more", "cannot"),
    "smtp_rcpt_553": Meaning("not an address that exists", "cannot"),
    # Ourselves: a person has to mend it with the provider.
    "20003": Meaning("the login was refused", "operator", "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."),
    "21408": Meaning("the country is not allowed", "operator", "Allow the country in the provider's geo permissions."),
    "21212": Meaning("our number is not valid", "operator", CHECK_NUMBER),
    "21210": Meaning("our number is not verified", "operator", CHECK_NUMBER),
    "21606": Meaning("our number is not the account's, or takes no texts", "operator", CHECK_NUMBER),
    "21608": Meaning("a trial account", "operator", "The provider's account is a trial: upgrade it."),
    "21703": Meaning("the messaging service has no number", "operator", "Add a number to the messaging service."),
    "30002": Meaning("the account is suspended", "operator", "The provider suspended the account: call the provider."),
    "30007": Meaning(
        "filtered as unwanted", "operator", "Carriers filter our texts: look at the wording, ask the provider."
    ),
    "30032": Meaning("toll-free number not verified", "operator", "Verify the toll-free number with the provider."),
    "30034": Meaning(
        "not registered for texts in the US", "operator", "Register the campaign (A2P 10DLC) with the provider."
    ),
    # Nothing that anybody could do.
    "30001": Meaning("the provider's queue was full", "nothing"),
    "30008": Meaning("unknown", "nothing"),
    "30009": Meaning("a part is missing", "nothing"),
    "30010": Meaning("dearer than allowed", "nothing"),
}  # fmt: skip
NOT_KNOWN = Meaning("unknown", "nothing")
# With these it surely did not arrive, and by the same way it never will.
SURELY_NOT = frozenset(code for code, each in MEANINGS.items() if each.follows in {"cannot", "landline"})
SAYS_NOT_LEAVING = "Text messages are not leaving."
SAYS_BAD_NUMBER = "Texts cannot reach this patient's number ({words}). Call them or write, and correct the number."
SAYS_BAD_NUMBER_CALL = "Calls cannot reach this patient's number ({words}). Write to them, and correct the number."
SAYS_BAD_ADDRESS = "E-mails cannot reach this patient's address ({words}). Call or write, and correct the address."
SAYS: dict[Channel, str] = {"sms": SAYS_BAD_NUMBER, "voice": SAYS_BAD_NUMBER_CALL, "email": SAYS_BAD_ADDRESS}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the provider will not bring. `from_number` is ours."""

    organization_id: uuid.UUID
    purpose: Purpose
    channel: Channel
    patient_id: uuid.UUID | None
    to_hash: bytes
    from_number: str
    code: str


def meaning_of(code: str | None) -> Meaning:
    return MEANINGS.get(code or "", NOT_KNOWN)


async def draw_consequences(
    db: Any, refusal: Refusal, raise_alarm: RaiseAlarm, open_task: OpenTask | None, now: datetime
) -> None:
    """Remember the number as what it is, give a person the task, or tell who administers. Never says the number.

    A page to staff marks no number: the next page must be tried again, whatever became of this one.
    """
    meaning = meaning_of(refusal.code)
    if meaning.follows == "opt_out" and refusal.from_number:
        via = refusal.from_number
        await opt_outs.record(db, refusal.organization_id, via, refusal.to_hash, "provider", now)
    elif meaning.follows == "operator":
        await tell_operator(db, refusal.organization_id, refusal.code, raise_alarm, now)
    elif refusal.patient_id is not None and refusal.purpose != "page" and await _is_news(db, refusal, meaning, now):
        await _bad_number(db, refusal, meaning, open_task, now)


async def tell_operator(db: Any, organization: uuid.UUID, code: str, raise_alarm: RaiseAlarm, now: datetime) -> None:
    """One alarm per code, that says what to do."""
    says = f"{SAYS_NOT_LEAVING} {meaning_of(code).advice}".strip()
    await raise_alarm(db, organization, "texts_not_leaving", code, "high", says, now)


async def _is_news(db: Any, refusal: Refusal, meaning: Meaning, now: datetime) -> bool:
    """Mark the number; True the first time."""
    if meaning.follows == "nothing":
        return False
    organization, code = refusal.organization_id, refusal.code
    if refusal.channel == "voice":
        return await telephones.cannot_call(db, organization, refusal.to_hash, code, now)
    if meaning.follows == "unreached" and not await _gone(db, refusal):
        return False
    landline = meaning.follows == "landline"
    return await telephones.cannot_text(db, organization, refusal.to_hash, code, now, landline=landline)


async def _gone(db: Any, refusal: Refusal) -> bool:
    if refusal.patient_id is None:
        return False
    return await telephones.unreached(db, refusal.patient_id, refusal.to_hash, refusal.code) >= UNREACHED_TIMES


async def _bad_number(db: Any, refusal: Refusal, meaning: Meaning, open_task: OpenTask | None, now: datetime) -> None:
    if open_task is None:
        return
    await open_task(
        db, organization=refusal.organization_id, kind="bad_number", subject=str(refusal.patient_id),
        says=SAYS[refusal.channel].format(words=meaning.words), now=now, patient=refusal.patient_id,
    )  # fmt: skip
