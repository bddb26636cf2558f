"""Reminders as staff steer them: what became of them, what stops them, how many are enough, which rules plan them."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from notifications.law import law
from server.db.pool import Database
from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows import change_reminder, set_caps, stop_reminders
from server.outreach import caps, reminder_rules, switches, tally
from server.outreach.caps import Caps
from server.outreach.reminder_rules import Wanted
from server.outreach.switches import Scope
from server.people import clinics
from server.security.guards import allow, staff_only
from server.security.sessions import Person
from server.web.careteam import reminder_words
from server.web.forms import Typed, typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, Typed, datetime], Awaitable[object]]
MAY: Final = allow(*stop_reminders.MAY)
DAY: Final = timedelta(days=1)


@get("/reminders", guards=[staff_only], include_in_schema=False)
async def reminders_page(
    request: Asked, person: NamedDependency[Person], span: FromQuery[str] = "day"
) -> Template:  # fmt: skip
    return await _page(request, person, span)


async def _page(
    request: Asked, person: Person, span: str = "day", error: CareloopError | None = None, typed: Typed | None = None
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    first, last = _days(now.astimezone(ZoneInfo(person.zone)).date(), span)
    async with request.app.state.database.transaction(person.who) as db:
        counts = await tally.of_days(db, first, last)
        shown = {
            "stopped": await switches.on(db), "ended": await switches.lately(db), "clinics": await clinics.list_all(db),
            "caps": await caps.of(db, person.organization), "rules": await reminder_rules.every(db),
        }  # fmt: skip
    return page(
        "careteam/reminders.html", person, status=error.status if error else 200, words=reminder_words,
        lines=reminder_words.lines(counts), texts=sum(one.messages for one in counts if one.fate == "sent"),
        first=first, last=last, span=span if span == "week" else "day", law=law(), typed=typed or {},
        may_stop=person.role in stop_reminders.MAY, problem=error.says if error else None, **shown,
    )  # fmt: skip


def _days(today: date, span: str) -> tuple[date, date]:
    """Today, or the week from Monday to Sunday that it is in."""
    monday = today - today.weekday() * DAY
    return (monday, monday + 6 * DAY) if span == "week" else (today, today)


@post("/reminders/stop", guards=[MAY], include_in_schema=False)
async def stop(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(request, person, _stop)


@post("/reminders/start", guards=[MAY], include_in_schema=False)
async def start(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(request, person, _start)


@post("/reminders/caps", guards=[MAY], include_in_schema=False)
async def change_caps(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(request, person, _caps, "#caps")


@post("/reminders/rules", guards=[MAY], include_in_schema=False)
async def change_rule(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(request, person, _rule, "#rules")


async def _stop(database: Database, person: Person, typed: Typed, now: datetime) -> None:
    sort, _, name = typed.get("what", "").partition(":")
    if sort not in {"all", "kind", "measure"} or (sort == "kind" and name not in reminder_words.KINDS):
        raise Invalid("Choose which reminders to stop.")
    scope = Scope(
        clinic_id=_id(typed["clinic"]) if typed.get("clinic") else None, kind=name if sort == "kind" else None,
        measure=name[:40] if sort == "measure" else None,
    )  # fmt: skip
    await stop_reminders.stop(database, person, scope, typed.get("reason", ""), now)


async def _start(database: Database, person: Person, typed: Typed, now: datetime) -> None:
    await stop_reminders.end(database, person, _id(typed.get("switch", "")), now)


async def _caps(database: Database, person: Person, typed: Typed, now: datetime) -> None:
    wanted = Caps(a_day=_number(typed, "a_day"), a_week=_number(typed, "a_week"))
    await set_caps.set_caps(database, person, wanted, now)


async def _rule(database: Database, person: Person, typed: Typed, now: datetime) -> None:
    wanted = Wanted(
        local_hour=_number(typed, "local_hour"), lasts_hours=_number(typed, "lasts_hours"),
        priority=_number(typed, "priority"), enabled="enabled" in typed,
    )  # fmt: skip
    await change_reminder.change_rule(database, person, _id(typed.get("rule", "")), wanted, now)


def _number(typed: Typed, name: str) -> int:
    given = typed.get(name, "").strip()
    if not (given.isascii() and given.isdecimal() and len(given) < 5):
        raise Invalid("Type whole numbers.")
    return int(given)


def _id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise NotFound("There is no such thing here. Go back and look at the page again.") from None


async def _changed(request: Asked, person: Person, change: Change, place: str = "") -> Template | Redirect:
    """Back to the page; what could not be done is said above what they typed."""
    typed = await typed_in(request)
    try:
        await change(request.app.state.database, person, typed, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _page(request, person, error=error, typed=typed)
    return Redirect(f"/reminders{place}", status_code=303)


handlers = [reminders_page, stop, start, change_caps, change_rule]
