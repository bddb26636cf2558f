"""The roster of a team, week by week: who is on shift, who is away, which hours nobody has, is it complete."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from server.db.pool import Database, Db
from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows import schedule, try_phones
from server.monitoring import steps
from server.people import clinics, coverage, holidays, page_tests, shifts, staff, teams
from server.people.coverage import Hours
from server.people.shifts import Named
from server.people.staff import Staff
from server.people.teams import Team
from server.security import audit
from server.security.guards import allow
from server.security.sessions import Person
from server.web.careteam import after_hours
from server.web.careteam.steps import timeline
from server.web.forms import Typed, typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, Typed, datetime], Awaitable[object]]
MAY: Final = allow("coordinator", "admin")
DAY: Final = timedelta(days=1)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Shape and words, not colour, say which need somebody.
CAME: Final = {
    "answered": "✓ arrived and answered", "arrived": "◆ arrived, not answered", "under_way": "… on its way",
    "not_arrived": "▲ did not arrive", "withheld": "○ shown only, not sent",
    "not_tried": "▲ not tried for two weeks", None: "○ not tried yet",
}  # fmt: skip
ALL_DAY: Final = Hours(weekday=0, opens_minute=0, closes_minute=1440)


@get("/roster", guards=[MAY], include_in_schema=False)
async def roster_page(
    request: Asked,
    person: NamedDependency[Person],
    team: FromQuery[uuid.UUID | None] = None,
    week: FromQuery[date | None] = None,
) -> Template:
    return await _page(request, person, team, week)


async def _page(
    request: Asked, person: Person, team: uuid.UUID | None, week: date | None, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """One team's week; after an error as it was typed."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        all_teams = await teams.list_all(db)
        chosen = next((one for one in all_teams if team in {None, one.id}), None)
        if chosen is None:
            raise NotFound(schedule.NO_TEAM)
        zone = await coverage.zone_of(db, chosen.id) or person.zone
        this_monday = coverage.monday_of(now, zone)
        monday = _monday(week) if week else this_monday
        shown = await _shown(db, person, chosen, zone, monday, now)
        await audit.note(db, person.who, person.organization, "roster.view", f"team:{chosen.id}", now)
    return page(
        "careteam/roster.html", person, status=error.status if error else 200, teams=all_teams, team=chosen,
        monday=monday, day_names=DAYS, days=[monday + n * DAY for n in range(7)], problem=error.says if error else None,
        typed=typed or {}, local=lambda at: at.astimezone(ZoneInfo(zone)), team_clock={"zone": zone},
        this_monday=this_monday, week=timedelta(days=7), came_words=CAME,
        came_advice=_advice, **shown,
    )  # fmt: skip


async def _shown(db: Db, person: Person, chosen: Team, zone: str, monday: date, now: datetime) -> dict[str, Any]:
    team, window = chosen.id, coverage.week_of(monday, zone)
    hours = {one.weekday: one for one in await coverage.hours_of(db, team)}
    ahead = (max(window[0], now), window[1])
    gaps = await coverage.uncovered(db, team, monday, zone, ahead) if ahead[0] < ahead[1] else []
    published = await shifts.published(db, [monday], team)
    high = steps.for_chain(await steps.of(db, [person.organization]), person.organization, team, "high")
    today = now.astimezone(ZoneInfo(zone)).date()
    days = await holidays.listed(db, min(today, monday))
    entered = {one.day for one in days if one.clinic_id is None}
    known = await clinics.list_all(db)
    return {
        "shifts": await shifts.listed(db, team, window, now),
        "away": await shifts.away(db, min(now, window[0])),
        "gaps": [coverage.says([gap], zone) for gap in gaps],
        "published": published[0] if published else None,
        "named": await shifts.named(db, team),
        "plan": (plan := await after_hours.plan(db, person.organization, chosen, zone, known, now)),
        "has_stand_in": plan.stand_in,
        "steps": high,
        "steps_said": timeline(high),
        "holidays": days,
        "closed": await holidays.of_teams(db, [team], monday),
        "offered": [(day, name) for day, name in holidays.coming(today) if day not in entered],
        "clinics": known,
        "whose_clock": next((one.name for one in known if one.id == chosen.clinic_id), person.organization_name),
        "any_published": await shifts.published_since(db, team, coverage.monday_of(now, zone)),
        "tests": page_tests.sorted_by_trouble(await page_tests.latest(db, now, team)),
        "tests_wanted": await page_tests.wanted(db, team),
        "staff": _likely_first([one for one in await staff.list_all(db) if one.disabled_at is None]),
        "declared": bool(hours),
        "hours": [hours.get(day, ALL_DAY) for day in range(7)],
    }


def _advice(reason: str | None) -> str:
    return f"– {try_phones.WHY.get(reason, try_phones.OTHERWISE)}"


def _likely_first(people: list[Staff]) -> list[Staff]:
    """Nurses first; those who cannot be paged last."""
    return sorted(people, key=lambda one: (one.phone is None, one.role != "nurse", one.name))


@post("/roster/shifts", guards=[MAY], include_in_schema=False)
async def add_shift(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        zone = await _zone(database, who, id_in(typed, "team"))
        begins = _moment(day_in(typed, "day"), _clock(typed, "from"), zone)
        ends = _moment(day_in(typed, "day"), _clock(typed, "to"), zone)
        # "22:00 to 06:00" ends on the next day, by the clock on the wall.
        if ends <= begins:
            ends = _moment(day_in(typed, "day") + DAY, _clock(typed, "to"), zone)
        await schedule.add_shift(database, who, id_in(typed, "team"), id_in(typed, "staff"), (begins, ends), now)

    return await changed(request, person, change)


@post("/roster/shifts/remove", guards=[MAY], include_in_schema=False)
async def remove_shift(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await changed(
        request,
        person,
        lambda database, who, typed, now: schedule.remove_shift(database, who, id_in(typed, "shift"), now),
    )


@post("/roster/shifts/restore", guards=[MAY], include_in_schema=False)
async def restore_shift(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await changed(
        request,
        person,
        lambda database, who, typed, now: schedule.restore_shift(database, who, id_in(typed, "shift"), now),
    )


@post("/roster/time-off", guards=[MAY], include_in_schema=False)
async def add_time_off(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        zone = await _zone(database, who, id_in(typed, "team"))
        span = (
            _moment(day_in(typed, "first"), _clock(typed, "away_from"), zone),
            _moment(day_in(typed, "last"), _clock(typed, "away_to"), zone),
        )
        await schedule.add_time_off(database, who, id_in(typed, "away_staff"), span, now)

    return await changed(request, person, change)


@post("/roster/time-off/remove", guards=[MAY], include_in_schema=False)
async def remove_time_off(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await changed(
        request,
        person,
        lambda database, who, typed, now: schedule.end_time_off(database, who, id_in(typed, "away"), now),
    )


@post("/roster/names", guards=[MAY], include_in_schema=False)
async def name(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        chosen = [id_in(typed, field) if typed.get(field) else None for field in ("charge_nurse", "fallback")]
        named = Named(charge_nurse_id=chosen[0], fallback_id=chosen[1])
        await schedule.name(database, who, id_in(typed, "team"), named, now)

    return await changed(request, person, change)


@post("/roster/hours", guards=[MAY], include_in_schema=False)
async def declare(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        await schedule.declare(database, who, id_in(typed, "team"), [_hours(typed, day) for day in range(7)], now)

    return await changed(request, person, change)


@post("/roster/clock", guards=[MAY], include_in_schema=False)
async def bind(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        clinic = id_in(typed, "clock_of") if typed.get("clock_of") else None
        await schedule.bind(database, who, id_in(typed, "team"), clinic, typed.get("sure") == "1", now)

    return await changed(request, person, change)


@post("/roster/publish", guards=[MAY], include_in_schema=False)
async def publish(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        await schedule.publish(database, who, id_in(typed, "team"), _monday(day_in(typed, "week")), now)

    return await changed(request, person, change)


async def changed(request: Asked, person: Person, change: Change) -> Template | Redirect:
    """Back to the week they were on; what could not be done is said above what they typed."""
    typed = await typed_in(request)
    try:
        await change(request.app.state.database, person, typed, datetime.now(UTC))
        team, week = id_in(typed, "team"), day_in(typed, "week")
    except (Invalid, Conflict) as error:
        return await _page(request, person, id_in(typed, "team"), day_in(typed, "week"), error=error, typed=typed)
    return Redirect(f"/roster?team={team}&week={week.isoformat()}", status_code=303)


def id_in(typed: Typed, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get(field, ""))
    except ValueError:
        raise NotFound("That choice is not on the roster. Go back and choose from the list.") from None


def day_in(typed: Typed, field: str) -> date:
    try:
        return date.fromisoformat(typed.get(field, ""))
    except ValueError:
        if field == "week":
            raise NotFound("That week is not on the roster. Go back and choose one.") from None
        raise Invalid("Choose a day.") from None


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _clock(typed: Typed, field: str) -> time:
    try:
        return time.fromisoformat(typed.get(field, ""))
    except ValueError:
        raise Invalid("Give the time as hours and minutes, like 07:30.") from None


async def _zone(database: Database, person: Person, team: uuid.UUID) -> ZoneInfo:
    """What is typed on the page is meant on the team's clock."""
    async with database.transaction(person.who) as db:
        zone = await coverage.zone_of(db, team)
    if zone is None:
        raise NotFound(schedule.NO_TEAM)
    return ZoneInfo(zone)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at.replace(tzinfo=None), zone).astimezone(UTC)


def _hours(typed: Typed, day: int) -> Hours:
    """Without a tick nobody watches that day; until 00:00 means until midnight."""
    if f"watched_{day}" not in typed:
        return Hours(weekday=day, opens_minute=0, closes_minute=0)
    opens, closes = (_minute(_clock(typed, f"{end}_{day}")) for end in ("opens", "closes"))
    closes = closes or ALL_DAY.closes_minute
    if closes <= opens:
        raise Invalid(f"{DAYS[day]}: monitored hours end after they begin, at 00:00 (midnight) at the latest.")
    return Hours(weekday=day, opens_minute=opens, closes_minute=closes)


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


handlers = [
    roster_page,
    add_shift,
    remove_shift,
    restore_shift,
    add_time_off,
    remove_time_off,
    name,
    declare,
    bind,
    publish,
]
