"""From what is due to one text: decided on today's facts, bundled per patient, queued in the same commit."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from notifications.policy import Decision, Defer, Facts, OrganizationState, Suppress, Window, decide
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.gaps import gaps
from server.gaps.gaps import Touch
from server.gaps.plans import NextText, next_touch
from server.outreach import ledger
from server.outreach.ledger import Due, GapSlot, Settled, Slot
from server.people import short_links
from server.people.short_links import NewLink

OUTREACH = {"screening", "vaccination"}  # it asks for something new; everything else is care that was agreed on


class From(msgspec.Struct, frozen=True, kw_only=True):
    """Where a text leads the patient, and the number it comes from when the organization has none of its own."""

    public_url: str
    default_sender: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one patient, the reminders it stands for, and the link in it."""

    message: Message
    link: NewLink | None
    reminders: list[Due]


async def plan(db: Db, now: datetime) -> int:
    """Write down the slots in sight; returns how many are new. A measurement comes before an outreach that day."""
    planned = await ledger.plan(db, await ledger.silent(db, now), now)
    return planned + await ledger.plan(db, _first_each(await ledger.gaps(db, now)), now)


def _first_each(found: Sequence[GapSlot]) -> list[Slot]:
    """One gap per patient, of those whose plan says that a text is next and its day has come."""
    first: dict[Any, Slot] = {}
    for slot in found:
        step = next_touch(slot.touched_on, slot.opened_on, slot.after_days)
        if isinstance(step, NextText) and step.on <= slot.slot.date():
            first.setdefault(slot.patient_id, slot)
    return list(first.values())


async def queue_due(db: Db, now: datetime, origin: From) -> int:
    """Decide on what is due: into the outbox, to a later hour, or suppressed with its reason."""
    due = await ledger.due(db, now, origin.default_sender)
    decided = [(one, decide(facts(one), now)) for one in due]
    ready = [_ready(list(group), now, origin) for _, group in itertools.groupby(_going(decided), _whose)]
    await outbox.put(db, [one.message for one in ready])
    await short_links.make(db, [one.link for one in ready if one.link is not None], now)
    await ledger.settle(db, [_later_or_never(one, decision) for one, decision in decided if not _goes(decision)])
    await ledger.settle(db, [_queued(due, one.message) for one in ready for due in one.reminders])
    await gaps.touch(db, [touch for one in ready for touch in _touches(one)], now)
    if ready:
        await tell(db, Event(topic="outbox"))
    return len(due)


def facts(due: Due) -> Facts:
    """What the policy decides on."""
    own = Window(opens=due.opens, closes=due.closes) if due.opens is not None and due.closes is not None else None
    return Facts(
        purpose="reminder", zone=due.zone, to_number=due.phone, trial_numbers=frozenset(due.trial_numbers),
        organization_state=cast("OrganizationState", due.state),
        topic="outreach" if due.kind in OUTREACH else "monitoring", consent=due.consent, opted_out=due.opted_out,
        patient_active=due.active, patient_deceased=due.deceased, cannot_text=due.cannot_text,
        reason_still_there=due.reason_still_there, moot_at=due.moot_at, stopped=due.stopped, region=due.region, own=own,
        priority=due.priority, sent_today=due.sent_today, sent_this_week=due.sent_this_week, a_day=due.a_day,
        a_week=due.a_week,
    )  # fmt: skip


def _goes(decision: Decision) -> bool:
    """What is withheld becomes a message all the same: the sender marks it, and staff see what would have gone."""
    return not isinstance(decision, Defer) and not (isinstance(decision, Suppress) and decision.status == "suppressed")


def _going(decided: Sequence[tuple[Due, Decision]]) -> list[Due]:
    return [one for one, decision in decided if _goes(decision)]


def _whose(due: Due) -> Any:
    return due.patient_id


def _later_or_never(due: Due, decision: Decision) -> Settled:
    settled = Settled(
        patient_id=due.patient_id, id=due.id, status="planned", reason=None, message_id=None, due_at=due.due_at
    )
    if isinstance(decision, Defer):
        # Not beyond the moment from which it helps nobody: then it is dropped, and says why.
        return msgspec.structs.replace(settled, due_at=min(decision.until, due.moot_at), reason=decision.reason)
    if isinstance(decision, Suppress):
        return msgspec.structs.replace(settled, status="suppressed", reason=decision.reason)
    raise TypeError("it goes")


def _queued(due: Due, message: Message) -> Settled:
    return Settled(
        patient_id=due.patient_id, id=due.id, status="queued", reason=None, message_id=message.id, due_at=due.due_at
    )


def _ready(together: list[Due], now: datetime, origin: From) -> Ready:
    """One text for all that one patient has due; a link only to who can open one."""
    first, token = together[0], short_links.token()
    name = f"reminder_{first.kind}" if len(together) == 1 else "reminder_several"
    url = f"{origin.public_url}/l/{token}"
    text = wording.render(
        name if first.with_links else f"{name}_plain", first.language, clinic=first.organization_name, url=url,
        when=_when(first), count=str(len(together)),
    )  # fmt: skip
    message = Message(
        id=uuid7(), organization_id=first.organization_id, purpose="reminder", unique_for=f"reminder:{first.id}",
        patient_id=first.patient_id, reminder_id=first.id, gap_id=next((d.gap_id for d in together if d.gap_id), None),
        to_number=first.phone, to_hash=first.phone_hash, wording=text.name, wording_version=text.version,
        language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
    return Ready(message=message, link=_link(message, token) if url in text.body else None, reminders=together)


def _when(due: Due) -> str:
    """The day and hour of an appointment on the patient's clock, as in `11/24 10:30`."""
    return f"{due.starts_at.astimezone(ZoneInfo(due.zone)):%m/%d %H:%M}" if due.starts_at else ""


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
