"""Staff set how a patient is reached: numbers and addresses, their kind, opt-outs; each change can be undone."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec

from notifications import opt_outs
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound
from server.people import (
    contact_points,
    patients,
    phones,
    telephones,
)
from server.people.consent import Topic
from server.people.contact_points import NewPoint, Point, PointChannel
from server.people.patients import Language, Patient
from server.people.telephones import LineType
from server.security import audit

Typed = Mapping[str, str]
WHY = {
    "by_phone": "they said so by telephone", "in_person": "they said so in person", "in_writing": "they wrote it",
    "proxy": "somebody who cares for them said so",
}  # fmt: skip
OWN = "own"
TAKEN = "This is in use already. Nothing was changed."
NOT_THERE = "This number or address is not used any more. Look at the page again."
BLOCKED = (
    "The carrier itself blocks this number. Only a text START from that telephone to ours ends it: ask the patient to."
)
BLOCKED_ELSEWHERE = (
    "They told another organization that texts from the same number. Only a text START from that telephone to ours ends"
    " it: ask the patient to."
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one change needs: a transaction, whose patient it is, who does it and when."""

    db: Any
    who: Who
    patient: Patient
    now: datetime
    field_key: str
    default_sender: str

    async def note(self, action: str, subject: str, **detail: str) -> None:
        """Ids and codes only: an address is personal."""
        await audit.note(
            self.db, self.who, self.patient.organization_id, action, subject, self.now, patient=self.patient.id,
            detail=detail,
        )  # fmt: skip

    async def point(self, typed: Typed) -> Point:
        """The one that is meant; the patient's own number is called `own`."""
        name = typed.get("point", "")
        if name == OWN and self.patient.phone and self.patient.phone_hash:
            return own_number(self.patient)
        found = next((p for p in await contact_points.of(self.db, self.patient.id) if str(p.id) == name), None)
        if found is None or found.valid_to is not None:
            raise NotFound(NOT_THERE)
        return found


Deed = Callable[[Change, Typed], Awaitable[str | None]]  # words of what is wrong, when the rest stays done


def own_number(patient: Patient) -> Point:
    """The patient's own number beside the others."""
    return Point(
        id=patient.id, channel="sms", address=patient.phone or "", hash=patient.phone_hash or b"",
        language=patient.language, rank=0, topics=[], proxy_id=None, proxy=None, source="patient",
        valid_from=patient.admitted_at, valid_to=None, verified_at=None,
    )  # fmt: skip


async def change(
    database: Database, who: Who, patient_id: uuid.UUID, deed: Deed, typed: Typed, now: datetime, *, field_key: str,
    default_sender: str,
) -> str | None:  # fmt: skip
    """Do it, in one transaction with its audit row; words come back when there is something to say."""
    async with database.transaction(who) as db:
        patient = await patients.get(db, patient_id)
        if patient is None:
            raise NotFound("There is no such patient here.")
        one = Change(db=db, who=who, patient=patient, now=now, field_key=field_key, default_sender=default_sender)
        return await deed(one, typed)


def address_of(one: Change, channel: PointChannel, typed: Typed, name: str = "address") -> tuple[str, bytes]:
    text = typed.get(name, "").strip()
    if channel != "email":
        number = phones.normalise(text)
        return number, phones.phone_hash(one.field_key, number)
    local, _, host = text.lower().partition("@")
    if (
        not local
        or "." not in host
        or len(text) > 254
        or not text.isascii()
        or any(c.isspace() or c == "@" for c in host)
    ):
        raise Invalid("Write the e-mail address like name@example.org.")
    return text.lower(), phones.phone_hash(one.field_key, text.lower())


def chosen(typed: Typed, name: str, kind: Any, says: str) -> Any:
    if typed.get(name) not in get_args(kind):
        raise Invalid(says)
    return typed[name]


def _why(typed: Typed) -> str:
    if typed.get("why") not in WHY:
        raise Invalid("Say how they told you, so that anybody can see later why it was changed.")
    return typed["why"]


async def set_number(one: Change, typed: Typed) -> None:
    """The number before is kept among those used before; what is known of either stays with the number."""
    number, hashed = (None, None) if typed.get("none") == "1" else address_of(one, "sms", typed)
    old = own_number(one.patient)
    if not await contact_points.set_own_number(one.db, one.patient.id, number, hashed):
        raise Conflict("That is their number already. Nothing was changed.")
    if one.patient.phone:
        await contact_points.keep_former(one.db, one.patient.id, old.address, old.hash, one.who.principal, one.now)
    await one.note("contact.number", f"patient:{one.patient.id}")


async def add(one: Change, typed: Typed) -> None:
    await new_point(one, typed, None, ())


async def new_point(one: Change, typed: Typed, proxy: uuid.UUID | None, topics: tuple[Topic, ...]) -> None:
    channel: PointChannel = chosen(typed, "channel", PointChannel, "Choose how it is used: text, call or e-mail.")
    address, hashed = address_of(one, channel, typed)
    language: Language = chosen(typed, "language", Language, "Choose the language to speak there.")
    new = NewPoint(channel=channel, address=address, hash=hashed, language=language, proxy_id=proxy, topics=topics)
    made = await contact_points.add(one.db, one.patient.id, new, one.who.principal, one.now)
    if made is None:
        raise Conflict(TAKEN)
    await one.note("contact.add", f"contact_point:{made}", channel=channel)


async def end(one: Change, typed: Typed) -> None:
    point = await one.point(typed)
    if not await contact_points.end(one.db, one.patient.id, point.id, one.who.principal, one.now):
        raise NotFound(NOT_THERE)
    await one.note("contact.end", f"contact_point:{point.id}")


async def again(one: Change, typed: Typed) -> None:
    point = id_of(typed, "point")
    if not await contact_points.again(one.db, one.patient.id, point, one.who.principal, one.now):
        raise Conflict(TAKEN)
    await one.note("contact.again", f"contact_point:{point}")


def id_of(typed: Typed, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get(name, ""))
    except ValueError:
        raise NotFound(NOT_THERE) from None


async def set_line(one: Change, typed: Typed) -> None:
    point = await one.point(typed)
    line: LineType = chosen(typed, "line", LineType, "Choose the kind of line.")
    await telephones.set_line(one.db, one.patient.organization_id, point.hash, line, one.now)
    await one.note("contact.line", f"contact_point:{point.id}", line=line)


async def cannot_text(one: Change, typed: Typed) -> None:
    point = await one.point(typed)
    await telephones.set_cannot_text(one.db, one.patient.organization_id, point.hash, "staff", one.now)
    await one.note("contact.cannot_text", f"contact_point:{point.id}")


async def can_text(one: Change, typed: Typed) -> None:
    point = await one.point(typed)
    await telephones.set_cannot_text(one.db, one.patient.organization_id, point.hash, None, one.now)
    await one.note("contact.can_text", f"contact_point:{point.id}")


async def opt_out(one: Change, typed: Typed) -> None:
    point, why = await one.point(typed), _why(typed)
    sender = await sender_of(one, point.channel)
    if not await opt_outs.record(one.db, one.patient.organization_id, sender, point.hash, "staff", one.now):
        raise Conflict("They had opted out already. Nothing was changed.")
    await one.note("contact.opt_out", f"contact_point:{point.id}", why=why)


async def opt_in(one: Change, typed: Typed) -> None:
    point, why = await one.point(typed), _why(typed)
    sender = await sender_of(one, point.channel)
    organization = one.patient.organization_id
    known = (await telephones.of(one.db, one.patient.id, organization, [point.hash], sender))[point.hash]
    if known.only_start_ends_it:
        raise Conflict(BLOCKED if known.blocked_by_carrier else BLOCKED_ELSEWHERE)
    if not await opt_outs.end(one.db, organization, sender, point.hash, one.now):
        raise Conflict("They had not opted out. Nothing was changed.")
    await one.note("contact.opt_in", f"contact_point:{point.id}", why=why)


async def sender_of(one: Change, channel: PointChannel) -> str:
    if channel == "email":
        return f"email:{one.patient.organization_id}"
    return await telephones.sender_of(one.db, one.patient.organization_id, one.default_sender)
