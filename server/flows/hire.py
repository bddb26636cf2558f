"""Staff join: the person, their login, their team and, for those who answer alerts, a first shift."""

import secrets
import uuid
from datetime import datetime
from typing import get_args

import msgspec

from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.people import accounts, phones, staff, teams
from server.security import audit, passwords
from server.security.passwords import SHORTEST


class NewLogin(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    password: str


class Hire(msgspec.Struct, frozen=True, kw_only=True):
    """`phone` is where pages go; `team` may be left out when there is only one."""

    name: str
    role: staff.StaffRole
    login: NewLogin
    phone: str | None = None
    team: str | None = None


def new_password(groups: int = 4) -> str:
    """Groups of five letters and digits without look-alikes, so that it can be read out: 24 bits each."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(groups))


async def hashed(login: NewLogin | None) -> str | None:
    """The password's hash, made before a transaction begins because it is slow on purpose."""
    if login is None:
        return None
    if not login.login.strip() or any(c.isspace() for c in login.login):
        raise Invalid("A login name has no spaces.")
    if len(login.password) < SHORTEST:
        raise Invalid(f"The password is too short: at least {SHORTEST} characters.")
    return await passwords.hash_password(login.password)


async def hire(database: Database, who: Who, new: Hire, now: datetime) -> staff.Staff:
    """One transaction; `Invalid` or `Conflict` says what to change, and then nothing is written."""
    if new.role not in get_args(staff.StaffRole):
        raise Invalid(f"There is no role {new.role!r}. Known: {', '.join(get_args(staff.StaffRole))}.")
    password_hash = await hashed(new.login)
    async with database.transaction(who) as db:
        return await record(db, who, new, password_hash or "", now)


async def record(db: Db, who: Who, new: Hire, password_hash: str, now: datetime) -> staff.Staff:
    """The same inside a transaction that is open already."""
    if who.organization is None:
        raise ValueError("staff belong to an organization")
    person = staff.Staff(
        id=uuid7(),
        organization_id=who.organization,
        name=new.name.strip(),
        role=new.role,
        phone=phones.normalise(new.phone) if new.phone else None,
        created_at=now,
    )
    await staff.insert(db, person)
    await _login(db, person, new.login.login, password_hash)
    await _join(db, person, new.team)
    await audit.note(db, who, person.organization_id, "staff.add", str(person.id), now, detail={"role": new.role})
    return person


async def _login(db: Db, person: staff.Staff, login: str, password_hash: str) -> None:
    account = accounts.NewAccount(
        id=uuid7(),
        organization_id=person.organization_id,
        login=login,
        password_hash=password_hash,
        staff_id=person.id,
        created_at=person.created_at,
    )
    if not await accounts.insert(db, account):
        raise Conflict("This login name is taken. Choose another one.")


async def _join(db: Db, person: staff.Staff, name: str | None) -> None:
    known = await teams.list_all(db)
    fitting = [team for team in known if name is None or team.name == name]
    if name is not None and not fitting:
        raise NotFound(f"There is no team {name!r}. Known: {', '.join(team.name for team in known)}.")
    if len(fitting) == 1:
        await teams.add_member(db, fitting[0], person.id)


async def put_on_shift(
    database: Database, who: Who, staff_id: uuid.UUID, starts_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """The person answers for every team they belong to, from-to."""
    if who.organization is None or ends_at <= starts_at:
        raise Invalid("A shift ends after it begins.")
    async with database.transaction(who) as db:
        of = await teams.of_staff(db, staff_id)
        if not of:
            raise Invalid("This person belongs to no team, so there is nothing to be on shift for.")
        shifts = [
            teams.Shift(
                id=uuid7(),
                organization_id=who.organization,
                team_id=team,
                staff_id=staff_id,
                starts_at=starts_at,
                ends_at=ends_at,
            )
            for team in of
        ]
        await teams.add_shifts(db, shifts)
        await audit.note(db, who, who.organization, "shift.add", str(staff_id), now)
