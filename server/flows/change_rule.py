"""Somebody proposes what a rule or programme shall say next, another person approves, and from then on it holds."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from devices.units import BY_COLUMN, KINDS
from server.db import events
from server.db.events import Event
from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.monitoring import programme_book, rule_book, rule_checks, rule_drafts, rule_versions
from server.monitoring.programme_book import Programme
from server.monitoring.rule_book import Rule, Version
from server.monitoring.rule_checks import Known
from server.monitoring.rule_content import Content, Level, ProgrammeContent, RuleContent
from server.monitoring.rule_drafts import Draft, NewDraft
from server.monitoring.rule_versions import Approval
from server.security import audit
from server.security.sessions import Person

Kind = Literal["rule", "programme"]
APPROVING = ("clinician", "admin")
FLAGS = ("irregular_pulse", "movement", "cuff_loose", "position")  # what cuffs say of a measurement
RANGES = {column: (metric.low, metric.high) for column, metric in BY_COLUMN.items()}
GONE = "There is no such rule or draft, or it belongs to somebody else. Go back to the rules."
MEANWHILE = "Somebody changed it meanwhile. Take the draft over to what is in force now, and look again."
DECIDED = "Somebody decided about this draft meanwhile. Go back to the rules and look again."


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a person typed: the whole next content and why. `base` is the version they looked at.

    `unreadable` says what of it was no number or time; it is told with everything else that cannot be right.
    """

    content: Content
    reason: str
    base: uuid.UUID | None
    gives_up_high: bool = False
    unreadable: tuple[str, ...] = ()


async def draft(
    database: Database, person: Person, kind: Kind, of: uuid.UUID, proposal: Proposal, now: datetime
) -> uuid.UUID:
    """The draft's id. Any of the staff may: it changes nothing. `ManyWrong` says everything that cannot be right."""
    async with answering(database, person, f"{kind}.draft", of, now) as db:
        target = await target_of(db, kind, of)
        if _id(target.current) != proposal.base:
            raise Conflict(
                "Somebody changed it while you wrote. Copy your words, and begin again from what is in force."
            )
        await _check(db, target, proposal, person)
        return await put(db, person, target, proposal, signed(person), staff_of(person), now)


async def put(
    db: Db, person: Person, target: Rule | Programme, proposal: Proposal, author: str, by: uuid.UUID, now: datetime
) -> uuid.UUID:
    """Store a draft that was checked. `author` is whom the version will name, `by` who may not approve it."""
    is_rule = isinstance(target, Rule)
    made = NewDraft(
        id=uuid7(), organization=person.organization, rule=target.id if is_rule else None,
        programme=None if is_rule else target.id, base=_id(target.current), content=proposal.content,
        reason=proposal.reason.strip(), author=author, gives_up_high=proposal.gives_up_high, by=by,
    )  # fmt: skip
    await rule_drafts.insert(db, made, now)
    await note(db, person, "rule_draft.write", made.id, now, of=str(target.id))
    return made.id


async def again(
    database: Database, person: Person, kind: Kind, of: uuid.UUID, version: uuid.UUID, now: datetime
) -> uuid.UUID:
    """Undo: a draft with the content of an older version. What was true once passes every check but the newest."""
    async with answering(database, person, f"{kind}.draft", of, now) as db:
        target = await target_of(db, kind, of)
        old = next((one for one in target.versions if one.id == version), None)
        if old is None:
            raise NotFound(GONE)
        why = f"Back to version {old.version}."
        proposal = Proposal(content=old.content, reason=why, base=_id(target.current))
        await _check(db, target, proposal, person)
        return await put(db, person, target, proposal, signed(person), staff_of(person), now)


async def rebase(database: Database, person: Person, draft_id: uuid.UUID, now: datetime) -> uuid.UUID:
    """The same content, by the same author, as a draft of what is in force now; the old draft ends."""
    async with answering(database, person, "rule_draft.rebase", draft_id, now) as db:
        old = await _waiting(db, draft_id)
        target = await _target(db, old)
        proposal = _proposal(old)
        await _check(db, target, proposal, person, agreed=True)
        if not await rule_drafts.decide(db, draft_id, "superseded", staff_of(person), now):
            raise Conflict(DECIDED)
        return await put(db, person, target, proposal, old.author, old.drafted_by, now)


async def approve(database: Database, person: Person, draft_id: uuid.UUID, now: datetime) -> Draft:
    """From `now` on it holds: the old version ends where the new one begins, in one transaction."""
    async with answering(database, person, "rule_draft.approve", draft_id, now) as db:
        found = await _waiting(db, draft_id)
        _may_approve(person)
        if found.drafted_by == person.staff_id:
            raise Refused("You wrote this draft: a second person approves it. Ask a clinician or an administrator.")
        if found.of_rule and found.compared_at is None:
            raise Conflict("It is still being compared with what was measured. Wait for that, it is what you approve.")
        target = await _target(db, found)
        if not found.is_current_base:
            raise Conflict(MEANWHILE)
        await _check(db, target, _proposal(found), person, agreed=True)
        made = await _begin(db, person, found, now)
        if not await rule_drafts.decide(db, draft_id, "approved", staff_of(person), now, version=made):
            raise Conflict(DECIDED)
        await note(db, person, "rule_draft.approve", draft_id, now, of=str(target.id), version=str(made))
        await events.tell(db, Event(topic="worklist", organization=person.organization))
    return found


async def _begin(db: Db, person: Person, found: Draft, now: datetime) -> uuid.UUID:
    approval = Approval(author=found.author, approved_by=signed(person), at=now)
    made: uuid.UUID | None = None
    if isinstance(found.content, RuleContent) and found.of_rule:
        number = await rule_versions.close_rule(db, found.of_rule, found.base, now)
        if number is not None:
            rule = (db, person.organization, found.of_rule, number + 1)
            made = await rule_versions.open_rule(*rule, found.content, approval)
    elif isinstance(found.content, ProgrammeContent) and found.of_programme:
        number = await rule_versions.close_programme(db, found.of_programme, found.base, now)
        if number is not None:
            programme = (db, person.organization, found.of_programme, number + 1)
            made = await rule_versions.open_programme(*programme, found.content, approval)
    if made is None:
        raise Conflict(MEANWHILE)
    return made


def _proposal(found: Draft) -> Proposal:
    return Proposal(content=found.content, reason=found.reason, base=found.base, gives_up_high=found.gives_up_high)


async def reject(database: Database, person: Person, draft_id: uuid.UUID, why: str, now: datetime) -> None:
    """Its author reads why."""
    async with answering(database, person, "rule_draft.reject", draft_id, now) as db:
        await _waiting(db, draft_id)
        _may_approve(person)
        if not why.strip():
            raise Invalid("Say why not: the author reads it.")
        if not await rule_drafts.decide(db, draft_id, "rejected", staff_of(person), now, decision=why.strip()):
            raise Conflict(DECIDED)
        await note(db, person, "rule_draft.reject", draft_id, now)


async def withdraw(database: Database, person: Person, draft_id: uuid.UUID, now: datetime) -> None:
    """The author thought better of it."""
    async with answering(database, person, "rule_draft.withdraw", draft_id, now) as db:
        found = await _waiting(db, draft_id)
        if found.drafted_by != person.staff_id:
            raise Refused("Only who wrote a draft withdraws it. A clinician or an administrator may reject it.")
        if not await rule_drafts.decide(db, draft_id, "withdrawn", staff_of(person), now):
            raise Conflict(DECIDED)
        await note(db, person, "rule_draft.withdraw", draft_id, now)


async def sign_off(
    database: Database, person: Person, kind: Kind, of: uuid.UUID, version: uuid.UUID, now: datetime
) -> None:
    """The version in force is approved as it stands: nothing of it changes but that a person stands for it."""
    async with answering(database, person, f"{kind}.sign_off", of, now) as db:
        target = await target_of(db, kind, of)
        _may_approve(person)
        sign = rule_versions.sign_rule if isinstance(target, Rule) else rule_versions.sign_programme
        if not await sign(db, target.id, version, signed(person), now):
            raise Conflict("It was approved meanwhile, or is not in force any more. Look again.")
        detail = {"version": str(version)}
        await audit.note(db, person.who, person.organization, f"{kind}.sign_off", f"{kind}:{of}", now, detail=detail)


async def _check(db: Db, target: Rule | Programme, proposal: Proposal, person: Person, *, agreed: bool = False) -> None:
    """`agreed`: it was a clinician who said in the draft that no high level stays."""
    content = proposal.content
    others: Sequence[Level] = ()
    if isinstance(target, Rule) and isinstance(content, RuleContent):
        rest = [one for one in await rule_book.rules(db) if one.id != target.id and one.kind == "crossing"]
        others = [level for one in rest if one.content for level in one.content.levels]
    known = Known(
        base=target.content, others=others, ranges=RANGES, flags=FLAGS, vitals=tuple(KINDS),
        gives_up_high=proposal.gives_up_high, clinician=agreed or person.role == "clinician", reason=proposal.reason,
        unreadable=proposal.unreadable,
    )  # fmt: skip
    rule_checks.check(content, known)


async def target_of(db: Db, kind: Kind, of: uuid.UUID) -> Rule | Programme:
    """The rule or programme with all its versions; `NotFound` also for another organization's."""
    found = await (rule_book.get(db, of) if kind == "rule" else programme_book.get(db, of))
    if found is None:
        raise NotFound(GONE)
    return found


async def _target(db: Db, found: Draft) -> Rule | Programme:
    if found.of_rule:
        return await target_of(db, "rule", found.of_rule)
    assert found.of_programme is not None
    return await target_of(db, "programme", found.of_programme)


async def _waiting(db: Db, draft_id: uuid.UUID) -> Draft:
    found = await rule_drafts.get(db, draft_id)
    if found is None:
        raise NotFound(GONE)
    if found.state != "draft":
        raise Conflict(DECIDED)
    return found


def _may_approve(person: Person) -> None:
    if person.role not in APPROVING:
        raise Refused("A clinician or an administrator decides about rules. You may draft a change of any of them.")


def _id(version: Version | None) -> uuid.UUID | None:
    return version.id if version else None


def signed(person: Person) -> str:
    """As a version names them."""
    return f"{person.name}, {person.role}"


def staff_of(person: Person) -> uuid.UUID:
    """Whoever drafts or decides is of the staff."""
    if person.staff_id is None:
        raise Refused("Rules are the care team's.")
    return person.staff_id


async def note(db: Db, person: Person, action: str, draft_id: uuid.UUID, now: datetime, **detail: str) -> None:
    """To the audit: ids only."""
    await audit.note(db, person.who, person.organization, action, f"rule_draft:{draft_id}", now, detail=detail)
