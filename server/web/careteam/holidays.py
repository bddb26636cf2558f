"""On the roster's page: days without working hours, the number for after hours, the weekly test of telephones."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import Invalid
from server.flows import schedule
from server.people import holidays
from server.people.holidays import Holiday
from server.security.sessions import Person
from server.web.careteam.roster import MAY, changed, day_in, id_in
from server.web.forms import Typed

Asked = Request[Any, Any, State]
LONGEST_NAME: Final = 80


@post("/roster/holidays", guards=[MAY], include_in_schema=False)
async def add(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        name = typed.get("holiday_name", "").strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise Invalid("Give the holiday a name, like Founder's Day.")
        day = _coming(day_in(typed, "holiday_day"), who, now)
        made = Holiday(
            id=uuid7(), organization_id=who.organization, name=name, day=day,
            clinic_id=id_in(typed, "clinic") if typed.get("clinic") else None, monitored="monitored" in typed,
        )  # fmt: skip
        await schedule.add_holidays(database, who, [made], now)

    return await changed(request, person, change)


@post("/roster/holidays/federal", guards=[MAY], include_in_schema=False)
async def add_federal(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    chosen = (await request.form()).getall("federal", [])

    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        await schedule.add_holidays(database, who, _federal(chosen, who, now), now)

    return await changed(request, person, change)


@post("/roster/holidays/remove", guards=[MAY], include_in_schema=False)
async def remove(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await changed(
        request,
        person,
        lambda database, who, typed, now: schedule.remove_holiday(database, who, id_in(typed, "holiday"), now),
    )


@post("/roster/test-pages", guards=[MAY], include_in_schema=False)
async def test_weekly(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        await schedule.test_weekly(database, who, id_in(typed, "team"), typed.get("wanted") == "1", now)

    return await changed(request, person, change)


@post("/roster/after-hours", guards=[MAY], include_in_schema=False)
async def after_hours(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, typed: Typed, now: datetime) -> None:
        await schedule.after_hours_phone(database, who, id_in(typed, "team"), typed.get("after_hours_phone", ""), now)

    return await changed(request, person, change)


def _coming(day: date, person: Person, now: datetime) -> date:
    today = _today(person, now)
    if not today <= day < today.replace(year=today.year + 3, day=1):
        raise Invalid("A holiday is a day to come, of the next two or three years.")
    return day


def _federal(chosen: Sequence[object], person: Person, now: datetime) -> list[Holiday]:
    """Those that are ticked and that we offered."""
    ticked = {str(one) for one in chosen}
    return [
        Holiday(id=uuid7(), organization_id=person.organization, clinic_id=None, day=day, name=name)
        for day, name in holidays.coming(_today(person, now))
        if day.isoformat() in ticked
    ]


def _today(person: Person, now: datetime) -> date:
    return now.astimezone(ZoneInfo(person.zone)).date()


handlers = [add, add_federal, remove, test_weekly, after_hours]
