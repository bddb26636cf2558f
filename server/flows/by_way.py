"""Which way a due reminder goes, and its words there: a text, a call, an e-mail, a message in the portal."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from notifications import wording
from notifications.policy import Decision, Send, Suppress
from notifications.refusals import SURELY_NOT
from notifications.wording import Owns, Rendered
from server.db.pool import Db
from server.outreach import tasks, tried, ways
from server.outreach.ledger import Due
from server.outreach.tasks import NewTask
from server.outreach.tried import Failed
from server.outreach.ways import Way
from server.people import letters
from server.people.consent import Topic

OUTREACH = {"screening", "vaccination"}  # it asks for something new; everything else is care that was agreed on
ALONE = {"medicine", "appointment"}  # their hour is what they say, and a reply must mean this one
UNREACHABLE = {"no_number", "cannot_text"}  # nobody's wish: a person can do something about it
SAYS = "No text, call or e-mail can reach this patient. Print the letter from “How to reach”, and find a number."

SAYS_UNSEEN = (
    "No text can reach this patient, and they have not looked into the portal for a week. Call them, or print the "
    "letter from “How to reach”, and find a number."
)
UNSEEN_FOR = timedelta(days=7)


def topic(due: Due | Failed) -> Topic:
    return "outreach" if due.kind in OUTREACH else "monitoring"


def bundle(due: Due) -> str:
    """What goes in one message: of one topic, what can wait for the portal. A text without a link says one thing."""
    alone = due.kind in ALONE or (due.channel == "sms" and not due.with_links)
    return f"reminder:{due.id}" if alone else topic(due)


async def choose(db: Db, due: Sequence[Due], now: datetime, default_sender: str, *, by_email: bool) -> list[Due]:
    """Each with the number, language and channel of the first way that is open to it, in the same order."""
    found = await _first_ways(db, due, now, default_sender, by_email=by_email)
    return [_by(one, way, now) for one, way in zip(due, found, strict=True)]


async def try_next(db: Db, now: datetime, default_sender: str, *, by_email: bool) -> None:
    """What surely did not arrive is due at once by the next way that is open to it, in the same slot, if there is one.

    It is the same touch: what failed counts for no cap, and the policy decides on it as on any that is due.
    """
    failed = await tried.failed(db, now, SURELY_NOT)
    found = await _first_ways(db, failed, now, default_sender, by_email=by_email) if failed else []
    await tried.again(db, [(one, way is not None) for one, way in zip(failed, found, strict=True)], now)


async def _first_ways(
    db: Db, wanted: Sequence[Due] | Sequence[Failed], now: datetime, default_sender: str, *, by_email: bool
) -> list[Way | None]:
    """Of each the first way that is open and was not tried for this slot."""
    found = await ways.of_patients(db, {one.patient_id for one in wanted}, now, default_sender)
    return [
        ways.first(
            [w for w in found[one.patient_id] if w.name not in one.tried and (by_email or w.channel != "email")],
            topic(one),
        )
        for one in wanted
    ]


def unique_for(due: Due) -> str:
    """One message a slot; one for each further way when those before surely did not arrive."""
    return f"reminder:{due.id}" if not due.tried else f"reminder:{due.id}:{due.channel}:{due.phone_hash.hex()}"


def _by(due: Due, way: Way | None, now: datetime) -> Due:
    """Without a way the patient's own number says why not. Consent by other ways is asked again when it is sent."""
    if way is None:
        return msgspec.structs.replace(due, consent_since=None)
    if way.channel == "sms" and way.contact_point_id is None:
        return due
    if way.zone is not None:  # the hours that the patient chose are the patient's
        due = msgspec.structs.replace(due, reader_zone=way.zone, region=way.region, opens=None, closes=None)
    return msgspec.structs.replace(
        due, phone=way.address, phone_hash=way.hash, language=way.language, with_links=way.with_links, opted_out=False,
        cannot_text=False, consent_since=now, withdrew_at=None, channel=way.channel,
        contact_point_id=way.contact_point_id, for_name=way.for_name,
    )  # fmt: skip


async def ask_for_help(db: Db, waiting: Sequence[Due], decided: Sequence[tuple[Due, Decision]], now: datetime) -> int:
    """A task for each patient whom nothing reaches; `waiting` says of the same, in order, what their own number does.

    The portal tells nobody by itself: a message there reached who looked.
    """
    unreached = {
        due.patient_id: (due, SAYS)
        for due, decision in decided
        if isinstance(decision, Suppress) and decision.status == "suppressed" and decision.reason in UNREACHABLE
    }
    only_portal = {
        due.patient_id: (due, SAYS_UNSEEN)
        for own, (due, decision) in zip(waiting, decided, strict=True)
        if due.channel == "portal" and isinstance(decision, Send) and (own.cannot_text or not own.phone)
    }
    if only_portal:
        unseen = await letters.unseen(db, only_portal, now - UNSEEN_FOR)
        unreached |= {patient: only_portal[patient] for patient in unseen}
    wanted = [
        NewTask(
            organization_id=due.organization_id, kind="unreachable", subject=f"patient:{patient}", says=says,
            patient_id=patient,
        )
        for patient, (due, says) in unreached.items()
    ]  # fmt: skip
    return await tasks.open_tasks(db, wanted, now) if wanted else 0


def words(together: Sequence[Due], url: str, when: str, own: Owns) -> Rendered:
    """One message for what one patient has due by one way. Only a text speaks of replies, only a call of keys."""
    first = together[0]
    kind = first.kind if len(together) == 1 else "several"
    clinic = first.organization_name if first.for_name is None else f"{first.organization_name} ({first.for_name})"
    fields = {"clinic": clinic, "url": url, "when": when, "count": str(len(together))}
    if first.channel == "sms":
        name = f"reminder_{kind}"
        return wording.render(name if first.with_links else f"{name}_plain", first.language, own, **fields)
    said = wording.render(f"say_{kind}", first.language, own, **fields)
    if first.channel == "voice" and len(together) > 1:  # nobody can look it up while they listen
        parts = [wording.render(f"say_{one.kind}", first.language, own, **fields).body for one in together]
        said = msgspec.structs.replace(said, body=" ".join([said.body, *parts]))
    if first.channel != "email":
        return said
    after = wording.render("email_after", first.language, own, **fields)
    return msgspec.structs.replace(said, body=f"{said.body}\n\n{after.body}\n")
