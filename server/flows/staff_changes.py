"""Staff leave, come back, or have another telephone: at once, on every machine, with what is left to mend."""

import uuid
from datetime import datetime

import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows.answering import changing
from server.people import accounts, duties, phones, staff
from server.people.duties import Duty
from server.people.staff import Staff
from server.security import audit, sessions

NOBODY = "There is no such person here. Look again at who works here."
ONESELF = "You cannot end your own access. Ask another administrator."
LAST_ADMIN = "{name} is the last administrator who can sign in. Take on another one first."


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The person as they are now, and what teams have them down for: to mend when they cannot be paged."""

    person: Staff
    duties: list[Duty]

    @property
    def to_mend(self) -> list[str]:
        """Nothing while they work here and have a telephone."""
        pageable = self.person.disabled_at is None and self.person.phone is not None
        return [] if pageable else [one.says for one in self.duties]


async def leave(database: Database, who: Who, staff_id: uuid.UUID, now: datetime) -> Changed:
    """Out at once, everywhere, and paged no more; what they had taken returns with the next round of pages.

    `Invalid` for oneself, `Conflict` for the last administrator and for who left before.
    """
    organization = _organization(who)
    async with changing(database, who, organization, "staff.leave", staff_id, now) as db:
        if who.principal == f"staff:{staff_id}":
            raise Invalid(ONESELF)
        administrators = await staff.administrators(db)
        person = await _get(db, staff_id)
        if administrators == [staff_id]:
            raise Conflict(LAST_ADMIN.format(name=person.name))
        if not await staff.disable(db, staff_id, now):
            raise Conflict(f"{person.name} had left already.")
        await accounts.disable(db, staff_id, now)
        await sessions.end_all(db, staff_id, now)
        return await _changed(db, who, "staff.leave", staff_id, now)


async def come_back(database: Database, who: Who, staff_id: uuid.UUID, now: datetime) -> Changed:
    """Undo of leaving: they sign in anew with the password they had, and shifts they are still on count again."""
    organization = _organization(who)
    async with changing(database, who, organization, "staff.return", staff_id, now) as db:
        person = await _get(db, staff_id)
        if not await staff.enable(db, staff_id):
            raise Conflict(f"{person.name} works here: there is nothing to undo.")
        await accounts.enable(db, staff_id)
        await sessions.end_all(db, staff_id, now)  # one that was being opened just as they left
        return await _changed(db, who, "staff.return", staff_id, now)


async def change_phone(
    database: Database, who: Who, staff_id: uuid.UUID, typed: str | None, now: datetime
) -> Changed:  # fmt: skip
    """Where pages go from now on; None: nowhere. `Invalid` for what is no number."""
    organization = _organization(who)
    async with changing(database, who, organization, "staff.phone", staff_id, now) as db:
        await _get(db, staff_id)
        phone = phones.normalise(typed) if typed is not None else None
        await staff.set_phone(db, staff_id, phone)
        return await _changed(db, who, "staff.phone", staff_id, now, {"phone": "set" if phone else "none"})


async def find(database: Database, who: Who, named: str) -> Staff:
    """By login, name or id. `NotFound` when nobody is called so, `Invalid` when several are."""
    async with database.transaction(who) as db:
        found = await staff.find(db, named)
    if not found:
        raise NotFound(f"Nobody of the staff is {named!r}. `careloop staff list` shows names, logins and ids.")
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in found)
        raise Invalid(f"{named!r} may be one of {len(found)} people. Say which by login or id: {ids}.")
    return found[0]


async def _get(db: Db, staff_id: uuid.UUID) -> Staff:
    person = await staff.get(db, staff_id)
    if person is None:
        raise NotFound(NOBODY)
    return person


async def _changed(
    db: Db, who: Who, action: str, staff_id: uuid.UUID, now: datetime, detail: dict[str, str] | None = None
) -> Changed:  # fmt: skip
    organization = _organization(who)
    await audit.note(db, who, organization, action, f"staff:{staff_id}", now, detail=detail)
    await tell(db, Event(topic="worklist", organization=organization))
    return Changed(person=await _get(db, staff_id), duties=await duties.listed(db, now, staff_id))


def _organization(who: Who) -> uuid.UUID:
    if who.organization is None:
        raise ValueError("staff belong to an organization")
    return who.organization
