"""Who is told after how long changes like a prescription: one person drafts, a second one approves, all is kept."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from notifications import escalation
from notifications.escalation import Step
from server.db.events import Event, tell
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.monitoring import step_versions
from server.monitoring.step_versions import Chain
from server.monitoring.steps import StepRow
from server.people import shifts
from server.security import audit
from server.security.sessions import Person

SOURCE = "Set by the clinic"
APPROVING = ("clinician", "admin")
GONE = "That draft is no draft any more: somebody approved or dropped it. Look at the steps again."


def rows(chain: Chain, steps: Sequence[Step]) -> list[StepRow]:
    return [
        StepRow(
            organization_id=chain.organization_id, team_id=chain.team_id, severity=chain.severity, position=position,
            after=step.after, business_day=step.business_day, who=list(step.who), again=step.again,
            channel=step.channel,
        )
        for position, step in enumerate(steps)
    ]  # fmt: skip


async def draft(database: Database, person: Person, chain: Chain, steps: Sequence[Step], now: datetime) -> None:
    """Keep it for a second person; it changes nothing yet. An earlier draft is dropped for it.

    `Invalid` says everything that must not be so.
    """
    if problems := escalation.problems(chain.severity, steps):
        raise Invalid(" ".join(problems))
    by = _staff(person)
    async with answering(database, person, "steps.draft", chain.team_id or chain.organization_id, now) as db:
        await _team(db, chain)
        await step_versions.drop(db, chain, person.name, now)
        version = await step_versions.draft(db, chain, rows(chain, steps), SOURCE, person.name, by, now)
        if version is None:
            raise Conflict("Somebody saved a draft at the same moment. Look at it before you save yours.")
        await _note(db, person, "steps.draft", chain, version, now)


async def approve(database: Database, person: Person, chain: Chain, version: int, now: datetime) -> None:
    """It counts from now on. `Refused`: not by who drafted it, and only by a clinician or administrator."""
    by = _staff(person)
    if person.role not in APPROVING:
        raise Refused("A clinician or an administrator approves the steps.")
    async with answering(database, person, "steps.approve", chain.team_id or chain.organization_id, now) as db:
        drafter = await step_versions.drafter(db, chain, version)
        if drafter is None:
            raise NotFound(GONE)
        if drafter == by:
            raise Conflict("You drafted these steps: a second person has to approve them.")
        if not await step_versions.approve(db, chain, version, by, person.name, now):
            raise NotFound(GONE)
        await _note(db, person, "steps.approve", chain, version, now)
        await tell(db, Event(topic="worklist", organization=person.organization))


async def drop(database: Database, person: Person, chain: Chain, now: datetime) -> None:
    """Take a draft back: the steps that count stay as they are."""
    async with answering(database, person, "steps.drop", chain.team_id or chain.organization_id, now) as db:
        version = await step_versions.drop(db, chain, person.name, now)
        if version is None:
            raise NotFound(GONE)
        await _note(db, person, "steps.drop", chain, version, now)


async def sign(database: Database, person: Person, chain: Chain, now: datetime) -> None:
    """The shipped steps, approved as they are."""
    if person.role not in APPROVING:
        raise Refused("A clinician or an administrator approves the steps.")
    async with answering(database, person, "steps.sign", chain.team_id or chain.organization_id, now) as db:
        if not await step_versions.sign(db, chain, person.name, now):
            raise NotFound("These steps are approved already, or others count now. Look at the steps again.")
        await _note(db, person, "steps.sign", chain, None, now)


async def _team(db: Db, chain: Chain) -> None:
    if chain.team_id is not None and await shifts.named(db, chain.team_id) is None:
        raise NotFound("There is no such team, or it belongs to somebody else. Go back to the steps.")


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("The steps are the care team's.")
    return person.staff_id


async def _note(db: Db, person: Person, action: str, chain: Chain, version: int | None, now: datetime) -> None:
    subject = f"team:{chain.team_id}" if chain.team_id else f"organization:{chain.organization_id}"
    detail = {"severity": chain.severity} | ({"version": str(version)} if version else {})
    await audit.note(db, person.who, person.organization, action, subject, now, detail=detail)
