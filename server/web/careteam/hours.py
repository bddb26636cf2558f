"""When reminders may reach this patient: the hours they asked for, and the state whose law holds for them."""

import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from notifications import quiet_hours
from notifications.law import law
from notifications.quiet_hours import Topic, Whose, Window
from server.errors import CareloopError, Conflict, Invalid
from server.flows import prefer_hours
from server.flows.look import looking_at
from server.outreach import own_hours
from server.outreach.own_hours import CLOSES, OPENS, OwnHours
from server.security.guards import ANSWERING, answers_alarms, staff_only
from server.security.sessions import Person
from server.web.careteam.us_states import STATES
from server.web.forms import Typed, typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]


@get("/patients/{patient_id:uuid}/hours", guards=[staff_only], include_in_schema=False)
async def hours_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    return await _page(request, person, patient_id)


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        own = await own_hours.of(db, patient_id)
    today = {topic: _open_today(own, topic, patient.zone, now) for topic in ("monitoring", "outreach")}
    return page(
        "careteam/hours.html", person, status=error.status if error else 200, patient=patient, own=own, today=today,
        usual=(OPENS, CLOSES), states=STATES, typed=typed or {}, problem=error.says if error else None,
        may_change=person.role in (*ANSWERING, "admin"),
    )  # fmt: skip


def _open_today(own: OwnHours, topic: Topic, zone: str, now: datetime) -> Window | None:
    """As the policy counts them, so that staff see what it makes of what they typed."""
    chosen = Window(opens=own.opens, closes=own.closes) if own.author else None
    whose = Whose(zone=zone, topic=topic, region=own.region, own=chosen)
    return quiet_hours.window(now.astimezone(ZoneInfo(zone)).date(), whose, law().hours)


@post("/patients/{patient_id:uuid}/hours", guards=[answers_alarms], include_in_schema=False)
async def change_hours(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Back to the same page, which then shows what the policy makes of it."""
    database, now = request.app.state.database, datetime.now(UTC)
    async with looking_at(database, person, patient_id, now):
        typed = await typed_in(request)
    try:
        hours = prefer_hours.clock(typed.get("opens", "")), prefer_hours.clock(typed.get("closes", ""))
        await prefer_hours.record(database, person, patient_id, hours, typed.get("region") or None, now)
    except (Invalid, Conflict) as error:
        return await _page(request, person, patient_id, error=error, typed=typed)
    return Redirect(f"/patients/{patient_id}/hours", status_code=303)


handlers = [hours_page, change_hours]
