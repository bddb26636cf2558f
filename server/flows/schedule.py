"""Somebody changes the roster: who is on shift, who is away, whom a team names, and which week is complete."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.people import clinics, coverage, holidays, page_tests, phones, shifts, staff, stand_ins, teams
from server.people.coverage import Hours, Span
from server.people.holidays import Holiday
from server.people.shifts import Named
from server.people.teams import Shift
from server.security import audit
from server.security.sessions import Person

LONGEST = timedelta(hours=24)
NO_TEAM = "There is no such team, or it belongs to somebody else. Go back to the roster."
NO_STAND_IN = (
    "Not published: name a stand-in who has a telephone first, under Told next. They are paged when nobody is on shift."
)
NEEDS_STAND_IN = "This week or a later one is published, so the team needs a stand-in: choose somebody."
NO_CLINIC = "There is no such clinic, or it belongs to somebody else. Go back to the roster."
NOT_SURE = (
    "Not changed: this week or a later one is published, and would be judged anew on the other clock. Tick that you "
    "know, and save again."
)
GONE = "It is not on the roster any more. Go back to the roster and look again."


async def add_shift(
    database: Database, person: Person, team: uuid.UUID, who: uuid.UUID, span: Span, now: datetime
) -> None:  # fmt: skip
    """It counts at once. `Invalid` says what cannot be right, `Conflict` that it is there already."""
    if not timedelta() < span[1] - span[0] <= LONGEST:
        raise Invalid("A shift lasts up to 24 hours: check from when to when.")
    async with answering(database, person, "shift.add", team, now) as db:
        await _zone(db, team)
        await _can_be_paged(db, who)
        if await shifts.clashes(db, team, who, span):
            raise Conflict("This person is on the roster in some of that time already.")
        made = Shift(
            id=uuid7(), organization_id=person.organization, team_id=team, staff_id=who, starts_at=span[0],
            ends_at=span[1],
        )  # fmt: skip
        await teams.add_shifts(db, [made])
        await _note(db, person, "shift.add", f"shift:{made.id}", now)


async def remove_shift(database: Database, person: Person, shift: uuid.UUID, now: datetime) -> uuid.UUID:
    """The team. It may leave a gap: pages then go to the fallback contact, and a published week raises an alarm."""
    async with answering(database, person, "shift.remove", shift, now) as db:
        team = await shifts.cancel(db, shift, now)
        if team is None:
            raise NotFound(GONE)
        await _note(db, person, "shift.remove", f"shift:{shift}", now)
    return team


async def restore_shift(database: Database, person: Person, shift: uuid.UUID, now: datetime) -> uuid.UUID:
    """The team. Undo of a removal, within a day."""
    async with answering(database, person, "shift.restore", shift, now) as db:
        team = await shifts.restore(db, shift, now)
        if team is None:
            raise NotFound(GONE)
        await _note(db, person, "shift.restore", f"shift:{shift}", now)
    return team


async def add_time_off(database: Database, person: Person, who: uuid.UUID, span: Span, now: datetime) -> None:
    """From then to then nobody pages this person, and their shifts cover nothing."""
    if span[0] >= span[1] or span[1] <= now:
        raise Invalid("Time off ends after it begins, and not in the past: check from when to when.")
    made = uuid7()
    async with answering(database, person, "time_off.add", made, now) as db:
        if not await shifts.add_away(db, made, who, span):
            raise NotFound("There is no such person here. Choose somebody from the list.")
        await _note(db, person, "time_off.add", f"time_off:{made}", now)


async def end_time_off(database: Database, person: Person, time_off: uuid.UUID, now: datetime) -> None:
    async with answering(database, person, "time_off.remove", time_off, now) as db:
        if not await shifts.end_away(db, time_off, now):
            raise NotFound(GONE)
        await _note(db, person, "time_off.remove", f"time_off:{time_off}", now)


async def name(database: Database, person: Person, team: uuid.UUID, named: Named, now: datetime) -> None:
    """Whom the third step means, and who is told when nobody is on shift: while a week is published, somebody."""
    async with answering(database, person, "team.name", team, now) as db:
        monday = coverage.monday_of(now, await _zone(db, team))
        if named.fallback_id is None and await shifts.published_since(db, team, monday):
            raise Invalid(NEEDS_STAND_IN)
        for one in (named.charge_nurse_id, named.fallback_id):
            if one is not None:
                await _can_be_paged(db, one)
        await shifts.name(db, team, named)
        await _note(db, person, "team.name", f"team:{team}", now)


async def declare(database: Database, person: Person, team: uuid.UUID, hours: Sequence[Hours], now: datetime) -> None:
    """The hours in which somebody must be on shift."""
    async with answering(database, person, "team.hours", team, now) as db:
        await _zone(db, team)
        await coverage.set_hours(db, team, hours)
        await _note(db, person, "team.hours", f"team:{team}", now)


async def bind(
    database: Database, person: Person, team: uuid.UUID, clinic: uuid.UUID | None, sure: bool, now: datetime
) -> None:
    """The team works on that clinic's clock. Published weeks are judged anew on it: `Invalid` while nobody is sure."""
    async with answering(database, person, "team.clinic", team, now) as db:
        monday = coverage.monday_of(now, await _zone(db, team))
        if clinic is not None and await clinics.get(db, clinic) is None:
            raise NotFound(NO_CLINIC)
        if await teams.bind(db, team, clinic):
            if not sure and await shifts.published_since(db, team, monday):
                raise Invalid(NOT_SURE)
            await _note(db, person, "team.clinic", f"team:{team}", now)


async def after_hours_phone(database: Database, person: Person, team: uuid.UUID, typed: str, now: datetime) -> None:
    """The number its patients may call when nobody watches; nothing typed: none. `Invalid` for what is no number."""
    phone = phones.normalise(typed) if typed.strip() else None
    async with answering(database, person, "team.after_hours_phone", team, now) as db:
        if not await teams.set_after_hours_phone(db, team, phone):
            raise NotFound(NO_TEAM)
        await _note(db, person, "team.after_hours_phone", f"team:{team}", now)


async def publish(database: Database, person: Person, team: uuid.UUID, monday: date, now: datetime) -> None:
    """Declare a week complete. `Invalid` names the hours to come in which nobody who can be paged is on shift.

    Nor is it complete without a stand-in: whoever is on shift may call in sick.
    """
    if person.staff_id is None:
        raise Refused("The roster is the care team's.")
    async with answering(database, person, "roster.publish", team, now) as db:
        zone = await _zone(db, team)
        begins, ends = coverage.week_of(monday, zone)
        gaps = await coverage.uncovered(db, team, monday, zone, (max(begins, now), ends))
        if gaps:
            raise Invalid(f"Not published: nobody is on shift {coverage.says(gaps, zone)}.")
        if not await stand_ins.exists(db, team):
            raise Invalid(NO_STAND_IN)
        if await shifts.publish(db, team, monday, person.staff_id, now):
            await _note(db, person, "roster.publish", f"team:{team}", now)


async def add_holidays(database: Database, person: Person, days: Sequence[Holiday], now: datetime) -> int:
    """Days without working hours; how many are new. `Invalid`: there was none to add."""
    if not days:
        raise Invalid("Choose at least one holiday.")
    async with answering(database, person, "holiday.add", person.organization, now) as db:
        await _clinics(db, days)
        made = await holidays.add(db, days)
        for one in made:
            await _note(db, person, "holiday.add", f"holiday:{one}", now)
    if not made:
        raise Conflict("It is a holiday already.")
    return len(made)


async def remove_holiday(database: Database, person: Person, holiday: uuid.UUID, now: datetime) -> None:
    async with answering(database, person, "holiday.remove", holiday, now) as db:
        if not await holidays.remove(db, holiday, now):
            raise NotFound(GONE)
        await _note(db, person, "holiday.remove", f"holiday:{holiday}", now)


async def test_weekly(database: Database, person: Person, team: uuid.UUID, wanted: bool, now: datetime) -> None:
    """Does each telephone of the team get a test page once a week?"""
    async with answering(database, person, "team.test_pages", team, now) as db:
        if not await page_tests.switch(db, team, wanted):
            raise NotFound(NO_TEAM)
        await _note(db, person, "team.test_pages", f"team:{team}", now)


async def _clinics(db: Db, days: Sequence[Holiday]) -> None:
    for clinic in {day.clinic_id for day in days if day.clinic_id}:
        if await clinics.get(db, clinic) is None:
            raise NotFound(NO_CLINIC)


async def _zone(db: Db, team: uuid.UUID) -> str:
    """The team's clock; `NotFound` when there is no such team."""
    zone = await coverage.zone_of(db, team)
    if zone is None:
        raise NotFound(NO_TEAM)
    return zone


async def _can_be_paged(db: Db, who: uuid.UUID) -> None:
    found = await staff.get(db, who)
    if found is None or found.disabled_at is not None:
        raise NotFound("There is no such person here. Choose somebody from the list.")
    if found.phone is None:
        raise Invalid(f"{found.name} has no telephone and cannot be paged. Enter one first, or choose somebody else.")


async def _note(db: Db, person: Person, action: str, subject: str, now: datetime) -> None:
    await audit.note(db, person.who, person.organization, action, subject, now)
