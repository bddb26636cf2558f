"""From silence or an open gap to one text: planned from PostgreSQL, decided when due, queued in the same commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from notifications.policy import Defer, Facts, OrganizationState, Suppress, decide
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.gaps import gaps
from server.gaps.gaps import Touch
from server.gaps.plans import NextText, next_touch
from server.monitoring import reminders
from server.monitoring.reminders import Due, GapSlot, Settled, Slot
from server.people import short_links
from server.people.short_links import NewLink


class From(msgspec.Struct, frozen=True, kw_only=True):
    """Where a text leads the patient, and the number it comes from when the organization has none of its own."""

    public_url: str
    default_sender: str


async def plan(db: Db, now: datetime) -> int:
    """Write down the slots in sight; returns how many are new. A measurement comes before an outreach that day."""
    planned = await reminders.plan(db, await reminders.silent(db, now), now)
    return planned + await reminders.plan(db, _first_each(await reminders.gaps(db, now)), now)


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
    due = await reminders.due(db, now, origin.default_sender)
    decided = [_decide(reminder, now, origin) for reminder in due]
    messages = [message for _, message, _ in decided if message is not None]
    await outbox.put(db, messages)
    await short_links.make(db, [link for _, _, link in decided if link is not None], now)
    await reminders.settle(db, [settled for settled, _, _ in decided])
    await gaps.touch(db, [_touch(message) for message in messages if message.gap_id is not None], now)
    if messages:
        await tell(db, Event(topic="outbox"))
    return len(due)


def _decide(due: Due, now: datetime, origin: From) -> tuple[Settled, Message | None, NewLink | None]:
    decision = decide(_facts(due), now)
    settled = Settled(
        patient_id=due.patient_id, id=due.id, status="planned", reason=None, message_id=None, due_at=due.due_at
    )
    if isinstance(decision, Defer):
        return msgspec.structs.replace(settled, due_at=decision.until, reason=decision.reason), None, None
    if isinstance(decision, Suppress) and decision.status == "suppressed":
        return msgspec.structs.replace(settled, status="suppressed", reason=decision.reason), None, None
    # What is withheld becomes a message all the same: the sender marks it, and staff see what would have gone.
    token = short_links.token()
    message = _message(due, now, f"{origin.public_url}/l/{token}")
    link = _link(message, token) if message.gap_id is not None else None
    return msgspec.structs.replace(settled, status="queued", message_id=message.id), message, link


def _facts(due: Due) -> Facts:
    return Facts(
        purpose="reminder", zone=due.zone, to_number=due.phone, trial_numbers=frozenset(due.trial_numbers),
        organization_state=cast("OrganizationState", due.state),
        topic="monitoring" if due.gap_id is None else "outreach", consent=due.consent, opted_out=due.opted_out,
        patient_active=due.active, patient_deceased=due.deceased, reason_still_there=due.reason_still_there,
        created_at=due.due_at,
    )  # fmt: skip


def _message(due: Due, now: datetime, url: str) -> Message:
    name = "reminder_measurement" if due.gap_id is None else "reminder_screening"
    text = wording.render(name, due.language, clinic=due.organization_name, url=url)
    return Message(
        id=uuid7(), organization_id=due.organization_id, purpose="reminder", unique_for=f"reminder:{due.id}",
        patient_id=due.patient_id, reminder_id=due.id, gap_id=due.gap_id, to_number=due.phone, to_hash=due.phone_hash,
        wording=text.name, wording_version=text.version, language=text.language, body=text.body,
        not_before=now, created_at=now,
    )  # fmt: skip


def _link(message: Message, token: str) -> NewLink:
    """To the portal's to-dos, once signed in."""
    if message.patient_id is None:
        raise ValueError("a link leads a patient")
    return NewLink(
        token=token, organization_id=message.organization_id, patient_id=message.patient_id, message_id=message.id,
        leads_to="/portal#todo",
    )  # fmt: skip


def _touch(message: Message) -> Touch:
    if message.patient_id is None or message.gap_id is None:
        raise ValueError("a touch needs a patient and a gap")
    return Touch(
        organization_id=message.organization_id, patient_id=message.patient_id, gap_id=message.gap_id,
        message_id=message.id,
    )  # fmt: skip
