"""From what is due to one text: decided on today's facts, bundled per patient, queued in the same commit."""

import itertools
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from notifications import outbox
from notifications.messages import Message
from notifications.policy import Decision, Defer, Facts, OrganizationState, Suppress, decide
from notifications.quiet_hours import Window
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows import by_way
from server.gaps import gaps
from server.gaps.gaps import Touch
from server.outreach import ledger, planning, wordings
from server.outreach.ledger import Due, Settled
from server.outreach.wordings import Owns
from server.people import short_links
from server.people.short_links import NewLink


class From(msgspec.Struct, frozen=True, kw_only=True):
    """Where a text leads the patient, and the number it comes from when the organization has none of its own."""

    public_url: str
    default_sender: str
    by_email: bool = False  # a mail server is set


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one patient, the reminders it stands for, and the link in it."""

    message: Message
    link: NewLink | None
    reminders: list[Due]


async def plan(db: Db, now: datetime) -> int:
    """Write down the slots in sight; returns how many are new."""
    return await planning.plan(db, now)


async def queue_due(db: Db, now: datetime, origin: From) -> int:
    """Decide on what is due: into the outbox, to a later hour, or suppressed with its reason."""
    await by_way.try_next(db, now, origin.default_sender, by_email=origin.by_email)
    waiting = await ledger.due(db, now, origin.default_sender)
    due = await by_way.choose(db, waiting, now, origin.default_sender, by_email=origin.by_email)
    decided = _decide(due, now)
    going = _going(decided)
    own = await wordings.of_each(db, {one.organization_id for one in going})
    ready = [_ready(list(group), now, origin, own) for _, group in itertools.groupby(going, _whose)]
    await outbox.put(db, [one.message for one in ready])
    await short_links.make(db, [one.link for one in ready if one.link is not None], now)
    await ledger.settle(db, [_later_or_never(one, decision) for one, decision in decided if not _goes(decision)])
    await ledger.settle(db, [_queued(due, one.message) for one in ready for due in one.reminders])
    await gaps.touch(db, [touch for one in ready for touch in _touches(one)], now)
    await by_way.ask_for_help(db, waiting, decided, now)
    if ready:
        await tell(db, Event(topic="outbox"))
    return len(due)


def _decide(due: Sequence[Due], now: datetime) -> list[tuple[Due, Decision]]:
    """The most important first, as they come: what goes to a patient in this round is counted for what follows."""
    decided, gone = [], defaultdict[uuid.UUID, set[Any]](set)
    for one in due:
        before = len(gone[one.patient_id] - {_whose(one)})
        decision = decide(facts(one, before), now)
        if _goes(decision):
            gone[one.patient_id].add(_whose(one))
        decided.append((one, decision))
    return decided


def facts(due: Due, before: int = 0) -> Facts:
    """What the policy decides on; `before`: messages of this round that go to them first."""
    own = Window(opens=due.opens, closes=due.closes) if due.opens is not None and due.closes is not None else None
    return Facts(
        purpose="reminder", zone=due.zone, to_number=due.phone, trial_numbers=frozenset(due.trial_numbers),
        organization_state=cast("OrganizationState", due.state),
        topic=by_way.topic(due), channel=due.channel, opted_out=due.opted_out,
        consent=due.consent_since is not None, consent_since=due.consent_since, withdrew_at=due.withdrew_at,
        patient_active=due.active, patient_deceased=due.deceased, cannot_text=due.cannot_text,
        reason_still_there=due.reason_still_there, moot_at=due.moot_at, stopped=due.stopped, region=due.region, own=own,
        reader_zone=due.reader_zone,
        priority=due.priority, sent_today=due.sent_today + before, sent_this_week=due.sent_this_week + before,
        a_day=due.a_day, a_week=due.a_week, urgent_later=due.urgent_later, waited_for=due.waited_for,
    )  # fmt: skip


def _goes(decision: Decision) -> bool:
    """What is withheld becomes a message all the same: the sender marks it, and staff see what would have gone."""
    return not isinstance(decision, Defer) and not (isinstance(decision, Suppress) and decision.status == "suppressed")


def _going(decided: Sequence[tuple[Due, Decision]]) -> list[Due]:
    return sorted((one for one, decision in decided if _goes(decision)), key=_whose)


def _whose(due: Due) -> Any:
    """One patient by one way, and what can be said together; of that the order stays."""
    return due.patient_id, due.channel, str(due.contact_point_id), by_way.bundle(due)


def _later_or_never(due: Due, decision: Decision) -> Settled:
    settled = Settled(
        patient_id=due.patient_id, id=due.id, status="planned", reason=None, message_id=None, due_at=due.due_at
    )
    if isinstance(decision, Defer):
        # Not beyond the moment from which it helps nobody: then it is dropped, and says why.
        return msgspec.structs.replace(settled, due_at=min(decision.until, due.moot_at), reason=decision.reason)
    if isinstance(decision, Suppress):
        return msgspec.structs.replace(settled, status="suppressed", reason=decision.says)
    raise TypeError("it goes")


def _queued(due: Due, message: Message) -> Settled:
    return Settled(
        patient_id=due.patient_id, id=due.id, status="queued", reason=None, message_id=message.id, due_at=due.due_at
    )


def _ready(together: list[Due], now: datetime, origin: From, own: Mapping[uuid.UUID, Owns]) -> Ready:
    """One text for what is said together; a link only to who can open one."""
    first, token = together[0], short_links.token()
    url = f"{origin.public_url}/l/{token}"
    text = by_way.words(together, url, _when(first), own[first.organization_id])
    message = Message(
        id=uuid7(), organization_id=first.organization_id, purpose="reminder", unique_for=by_way.unique_for(first),
        patient_id=first.patient_id, reminder_id=first.id, gap_id=next((d.gap_id for d in together if d.gap_id), None),
        channel=first.channel, contact_point_id=first.contact_point_id, to_number=first.phone,
        to_hash=first.phone_hash, wording=text.name, wording_version=text.version, language=text.language,
        body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
    return Ready(message=message, link=_link(message, token) if url in text.body else None, reminders=together)


def _when(due: Due) -> str:
    """The day and hour of an appointment on the patient's clock, as its reader writes them."""
    if due.starts_at is None:
        return ""
    return moment(due.starts_at.astimezone(ZoneInfo(due.zone)), due.language, brief=due.channel == "sms")


MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip


def moment(at: datetime, language: str, *, brief: bool) -> str:
    """`11/24 10:30`. Who reads Spanish reads the day first, so the month is a word: `24 nov 10:30`.

    Brief where every character is billed; in a call or a letter it is `24 de noviembre a las 10:30`.
    """
    if language != "es":
        return f"{at:%m/%d %H:%M}"
    month = MONTHS[at.month - 1]
    if brief:
        return f"{at.day} {month[:3]} {at:%H:%M}"
    return f"{at.day} de {month} {'a la' if at.hour == 1 else 'a las'} {at:%H:%M}"


def _link(message: Message, token: str) -> NewLink:
    """To the portal's to-dos, once signed in."""
    if message.patient_id is None:
        raise ValueError("a link leads a patient")
    return NewLink(
        token=token, organization_id=message.organization_id, patient_id=message.patient_id, message_id=message.id,
        leads_to="/portal#todo",
    )  # fmt: skip


def _touches(ready: Ready) -> list[Touch]:
    return [
        Touch(
            organization_id=due.organization_id, patient_id=due.patient_id, gap_id=due.gap_id,
            message_id=ready.message.id,
        )
        for due in ready.reminders if due.gap_id is not None
    ]  # fmt: skip
