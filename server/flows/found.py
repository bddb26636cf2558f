"""An organization begins, in state trial, with a clinic, a team, the default programmes and an administrator."""

from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import Conflict
from server.flows import hire
from server.monitoring import programmes
from server.outreach import education, questionnaires
from server.people import clinics, organizations, phones, senders, teams, zones
from server.people.organizations import Organization, State
from server.security import audit


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """What `careloop init` asks. The clinic and the team may be renamed and joined by others later."""

    name: str
    zone: str
    admin: hire.Hire
    sender_number: str | None = None
    trial_numbers: tuple[str, ...] = ()
    clinic: str | None = None
    team: str = "Care team"
    state: State = "trial"
    demo: bool = False


async def found(database: Database, principal: str, founding: Founding, now: datetime) -> Organization:
    """One transaction; a real one refuses a database that holds the demo."""
    password_hash = await hire.hashed(founding.admin.login) or ""
    organization = _organization(founding, now)
    who = Who(principal=principal, organization=organization.id)
    async with database.transaction(who) as db:
        if not founding.demo:
            await _refuse_demo(db)
        await organizations.insert(db, organization)
        await _places(db, organization, founding)
        await programmes.seed(db, organization.id, "Careloop defaults", now)
        await education.seed(db, "Careloop defaults", now)
        await questionnaires.seed(db, "Careloop defaults", now)
        await hire.record(db, who, founding.admin, password_hash, now)
        await audit.note(db, who, organization.id, "organization.found", str(organization.id), now)
    return organization


def _organization(founding: Founding, now: datetime) -> Organization:
    sender = founding.sender_number
    return Organization(
        id=uuid7(),
        name=founding.name.strip(),
        zone=zones.known(founding.zone),
        state=founding.state,
        trial_numbers=[phones.normalise(number) for number in founding.trial_numbers],
        sender_number=senders.written(sender) if sender else None,
        demo=founding.demo,
        created_at=now,
    )


async def _refuse_demo(db: Db) -> None:
    if await organizations.demo_count(db):
        raise Conflict("This database holds the demo's invented patients. Give a fresh database for a real clinic.")


async def _places(db: Db, organization: Organization, founding: Founding) -> None:
    clinic = clinics.Clinic(
        id=uuid7(),
        organization_id=organization.id,
        name=founding.clinic or organization.name,
        zone=organization.zone,
        phone=None,
    )
    await clinics.insert(db, clinic)
    await teams.insert(db, teams.Team(id=uuid7(), organization_id=organization.id, name=founding.team))


async def change_state(database: Database, who: Who, state: State, trial_numbers: list[str], now: datetime) -> bool:
    """False when it was so already."""
    if who.organization is None:
        raise ValueError("a state belongs to an organization")
    async with database.transaction(who) as db:
        if not await organizations.set_state(db, who.organization, state, trial_numbers):
            return False
        detail = {"state": state, "numbers": len(trial_numbers)}
        await audit.note(db, who, who.organization, "organization.state", str(who.organization), now, detail=detail)
    return True
