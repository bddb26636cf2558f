"""Somebody proposes a clinic's own words, a second person approves, and from the next text on they are what is sent."""

import uuid
from datetime import datetime

import msgspec

from notifications.wording import Language, catalogue
from notifications.wording.checks import Preview, preview
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.outreach import wordings
from server.outreach.wordings import Draft, Version
from server.security import audit
from server.security.sessions import Person, Role

APPROVING: tuple[Role, ...] = ("clinician", "admin")
WRITING: tuple[Role, ...] = ("nurse", "clinician", "coordinator", "quality", "admin")
LONGEST = 2000  # characters; the checks say sooner what is too long to send
GONE = "There is no such text or draft, or it belongs to somebody else. Go back to the wording."
DECIDED = "Somebody decided about this meanwhile. Look again."
WAITING = "A draft of this text waits already. Approve or withdraw it first."

# What fields are filled with in a preview: as long as they get in earnest.
SAMPLES = {
    "rest": "5", "count": "3", "measured": "23:50 (Nov 21)", "arrived": "14:22",
    "choices": "1 Guadalupe, 2 Maximiliano", "code": "123456", "phone": "+1 212-555-0100",
}  # fmt: skip
WHEN: dict[Language, str] = {"en": "11/24 10:30", "es": "24 nov 10:30"}
LINK = "/l/0123456789abcdefghijkl"


# Short phrases inside a call, tests and codes: these are always ours.
FIXED = ("call_patient", "call_safety", "call_taken", "call_over", "call_not_taken", "test", "page_taken", "verify")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The whole text as somebody typed it, and why."""

    name: str
    language: Language
    body: str
    reason: str


def may_differ(name: str) -> bool:
    """Is it a text that a clinic may say in its own words?"""
    return not name.startswith(FIXED)


def look(name: str, language: Language, body: str, clinic: str, public_url: str) -> Preview:
    """How it would arrive at this clinic's patients, with everything that keeps it from being approved."""
    link = public_url + (LINK if "page" not in name else "/worklist")
    samples = SAMPLES | {"clinic": clinic, "url": link, "when": WHEN[language]}
    return preview(name, language, body, samples)


async def draft(
    database: Database, person: Person, proposal: Proposal, public_url: str, now: datetime
) -> uuid.UUID:  # fmt: skip
    """The draft's id; it changes nothing yet. `Invalid` says everything that cannot be right."""
    shipped = catalogue(proposal.language).get(proposal.name)
    if shipped is None or not may_differ(proposal.name):
        raise NotFound(GONE)
    body = _checked(proposal, person, public_url)
    new = Draft(
        organization=person.organization, name=proposal.name, language=proposal.language, body=body,
        shipped_version=shipped.version, reason=proposal.reason.strip(), drafted_by=_staff(person), author=person.name,
    )  # fmt: skip
    async with database.transaction(person.who) as db:
        made = await wordings.write(db, new, now)
        if made is None:
            raise Conflict(WAITING)
        await _note(db, person, "wording.draft", made, now, proposal.name, proposal.language)
    return made


def _checked(proposal: Proposal, person: Person, public_url: str) -> str:
    body = " ".join(proposal.body.split())  # a line break costs a character and shows nowhere
    if len(body) > LONGEST:
        raise Invalid(f"A text has at most {LONGEST} characters.")
    if body == catalogue(proposal.language)[proposal.name].text:
        raise Invalid("This is our own text. To go back to it, withdraw yours.")
    seen = look(proposal.name, proposal.language, body, person.organization_name, public_url)
    if seen.problems:
        raise Invalid(" ".join(seen.problems))
    return body


async def approve(database: Database, person: Person, version: uuid.UUID, public_url: str, now: datetime) -> Version:
    """From now on it is what is sent. Not by its author, and not when the rules of today refuse it."""
    async with answering(database, person, "wording.approve", version, now) as db:
        found = await _found(db, version)
        _may_approve(person)
        if found.drafted_by == person.staff_id:
            raise Refused("You wrote this draft: a second person approves it. Ask a clinician or an administrator.")
        _sendable(found, person, public_url)
        if not await wordings.decide(db, version, "approved", person.name, now):
            raise Conflict(DECIDED)
        await _note(db, person, "wording.approve", version, now, found.name, found.language)
    return found


async def reject(database: Database, person: Person, version: uuid.UUID, now: datetime) -> Version:
    """A second person says no; the author may write another."""
    async with answering(database, person, "wording.reject", version, now) as db:
        found = await _found(db, version)
        _may_approve(person)
        if not await wordings.decide(db, version, "rejected", person.name, now):
            raise Conflict(DECIDED)
        await _note(db, person, "wording.reject", version, now, found.name, found.language)
    return found


async def withdraw(database: Database, person: Person, version: uuid.UUID, now: datetime) -> Version:
    """A draft by its author; what is in use by who may approve: then the version before it, or ours, is sent."""
    async with answering(database, person, "wording.withdraw", version, now) as db:
        found = await _found(db, version)
        if found.status == "draft" and found.drafted_by == person.staff_id:
            done = await wordings.decide(db, version, "withdrawn", person.name, now)
        else:
            _may_approve(person)
            done = await wordings.withdraw(db, version, person.name, now)
        if not done:
            raise Conflict(DECIDED)
        await _note(db, person, "wording.withdraw", version, now, found.name, found.language)
    return found


async def bring_back(database: Database, person: Person, version: uuid.UUID, public_url: str, now: datetime) -> Version:
    """The undo of a withdrawal: what was approved once is sent again, if the rules of today allow it."""
    async with answering(database, person, "wording.bring_back", version, now) as db:
        found = await _found(db, version)
        _may_approve(person)
        _sendable(found, person, public_url)
        if not await wordings.bring_back(db, version):
            raise Conflict(DECIDED)
        await _note(db, person, "wording.bring_back", version, now, found.name, found.language)
    return found


async def _found(db: Db, version: uuid.UUID) -> Version:
    found = await wordings.get(db, version)
    if found is None or found.name not in catalogue(found.language):
        raise NotFound(GONE)
    return found


def _sendable(found: Version, person: Person, public_url: str) -> None:
    """Its fields and the rules may have changed since it was drafted."""
    seen = look(found.name, found.language, found.body, person.organization_name, public_url)
    if seen.problems:
        raise Invalid(" ".join(seen.problems))


def _may_approve(person: Person) -> None:
    if person.role not in APPROVING:
        raise Refused("A clinician or an administrator decides about wording. Ask one of them.")


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("Wording is the care team's.")
    return person.staff_id


async def _note(
    db: Db, person: Person, action: str, version: uuid.UUID, now: datetime, name: str, language: str
) -> None:  # fmt: skip
    detail = {"name": name, "language": language}
    await audit.note(db, person.who, person.organization, action, f"wording:{version}", now, detail=detail)
