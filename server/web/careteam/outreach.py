"""What outreach achieved this year, and whether it was the outreach: funnels and experiments."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template

from notifications.segments import cost
from server.errors import CareloopError, Conflict, Invalid
from server.flows import price_segments, stop_reminders
from server.flows import try_outreach as flow
from server.gaps import experiments, funnel
from server.gaps.experiments import Experiment, Group
from server.gaps.funnel import Body, Funnel
from server.gaps.gaps import MEASURES
from server.outreach import switches
from server.security.guards import allow, staff_only
from server.security.sessions import Person
from server.web.careteam import reminder_words
from server.web.pages import page

Asked = Request[Any, Any, State]
may_try = allow(*flow.MAY)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One measure's funnel: each stage with its count and its share of what was due; and the segments billed.

    A text for several gaps is shared among them, so segments may be parts of one.
    """

    measure: str
    stages: list[tuple[str, int, int]]
    closed_alone: int
    segments: str
    per_closed: float | None
    dollars: Decimal | None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment with what it found: percentage points more closed among the texted, and their interval."""

    experiment: Experiment
    texted: Group
    alone: Group
    points: tuple[int, int, int] | None


class New(msgspec.Struct, frozen=True, kw_only=True):
    measure: Annotated[str, msgspec.Meta(max_length=40)] = ""
    percent: int = 0
    days: int = 0


@get("/outreach", guards=[staff_only], include_in_schema=False)
async def outreach_page(
    request: Asked, person: NamedDependency[Person], year: Annotated[int, QueryParameter(ge=0, le=9999)] = 0
) -> Template:
    return await _page(request, person, year)


async def _page(request: Asked, person: Person, year: int, error: CareloopError | None = None) -> Template:
    now = datetime.now(UTC)
    chosen = year if 2000 <= year <= now.year else now.year
    async with request.app.state.database.transaction(person.who) as db:
        found = await funnel.funnels(db, chosen)
        bodies = await funnel.bodies(db, chosen)
        efforts, price = await funnel.efforts(db, chosen), await funnel.price(db, person.organization)
        tried = [_tried(one, *await experiments.groups(db, one.id, now)) for one in await experiments.every(db)]
        stopped = await switches.on(db)
    return page(
        "careteam/outreach.html", person, status=error.status if error else 200, tried=tried, year=chosen,
        funnels=[_shown(one, bodies.get(one.measure, []), price) for one in found], efforts=efforts, price=price,
        known=list(MEASURES),
        stopped=stopped, stopped_words=reminder_words, may_stop=person.role in stop_reminders.MAY,
        may_try=person.role in flow.MAY, problem=error.says if error else None, years=range(now.year, now.year - 3, -1),
    )  # fmt: skip


def _shown(one: Funnel, bodies: list[Body], price: Decimal | None) -> Shown:
    counts = {
        "Due": one.due, "Texted": one.texted, "Reached": one.reached, "Answered": one.answered,
        "Said done": one.said_done, "Booked": one.booked, "Closed by evidence after a text": one.closed_after,
    }  # fmt: skip
    segments = sum((Fraction(cost(body.text).segments, body.gaps) for body in bodies), Fraction(0))
    due = max(one.due, 1)
    return Shown(
        measure=one.measure, stages=[(name, count, round(100 * count / due)) for name, count in counts.items()],
        closed_alone=one.closed_alone, segments=f"{float(segments):.1f}".removesuffix(".0"),
        per_closed=round(float(segments) / one.closed_after, 1) if one.closed_after else None,
        dollars=funnel.cost_per_closed(segments, price, one.closed_after),
    )  # fmt: skip


def _tried(one: Experiment, texted: Group, alone: Group) -> Tried:
    found = experiments.difference(texted, alone)
    points = (round(100 * found[0]), round(100 * found[1]), round(100 * found[2])) if found else None
    return Tried(experiment=one, texted=texted, alone=alone, points=points)


class Price(msgspec.Struct, frozen=True, kw_only=True):
    dollars: Annotated[str, msgspec.Meta(max_length=20)] = ""


@post("/outreach/price", guards=[may_try], include_in_schema=False)
async def set_price(
    request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Price]
) -> Template | Redirect:
    try:
        await price_segments.set_price(request.app.state.database, person, data.dollars, datetime.now(UTC))
    except Invalid as error:
        return await _page(request, person, 0, error)
    return Redirect("/outreach#price", status_code=303)


@post("/outreach/experiments", guards=[may_try], include_in_schema=False)
async def begin_experiment(
    request: Asked, person: NamedDependency[Person], data: URLEncodedBody[New]
) -> Template | Redirect:
    try:
        await flow.begin(request.app.state.database, person, data.measure, data.percent, data.days, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _page(request, person, 0, error)
    return Redirect("/outreach#experiments", status_code=303)


@post("/outreach/experiments/{experiment_id:uuid}/stop", guards=[staff_only], include_in_schema=False)
async def stop_experiment(
    request: Asked, person: NamedDependency[Person], experiment_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    try:
        await flow.stop(request.app.state.database, person, experiment_id, datetime.now(UTC))
    except Conflict as error:
        return await _page(request, person, 0, error)
    return Redirect("/outreach#experiments", status_code=303)


handlers = [outreach_page, set_price, begin_experiment, stop_experiment]
