"""Who is told after how long, by what: the steps that count, a draft for a second person, and a form with a preview."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast, get_args

import msgspec
from litestar import Request, get, post
from litestar.datastructures import FormMultiDict, State
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from notifications import escalation
from notifications.escalation import Channel, Severity, Step, Who
from server.db.pool import Database
from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows import change_steps
from server.monitoring import step_versions
from server.monitoring.step_versions import Chain, Version
from server.monitoring.steps import StepRow
from server.people import teams
from server.people.teams import Team
from server.security import audit
from server.security.guards import allow
from server.security.sessions import Person
from server.web.pages import page
from server.web.shown import PAGES_WHOM

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, Chain, FormMultiDict, datetime], Awaitable[object]]
LOOKS: Final = allow("nurse", "clinician", "coordinator", "admin")
CHANGES: Final = allow("clinician", "coordinator", "admin")
SEVERITIES: Final = ("high", "medium", "low")
UNITS: Final[Mapping[str, timedelta]] = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1)}
SPARE: Final = 2  # empty rows below the steps there are
BY: Final[Mapping[str, str]] = {"sms": "by text", "voice": "by call", "both": "by text and by call"}
NOWHERE: Final = "There is no such team, or it belongs to somebody else. Go back to the steps."


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A step as its fields show it; a row without anybody to tell and without a time is no step."""

    after: str = ""
    unit: str = "minutes"
    day: bool = False
    who: tuple[str, ...] = ()
    channel: str = "sms"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, and how often the last one is said again."""

    rows: list[Row]
    again: str
    again_unit: str


@get("/steps", guards=[LOOKS], include_in_schema=False)
async def steps_page(
    request: Asked, person: NamedDependency[Person], team: FromQuery[uuid.UUID | None] = None,
    severity: FromQuery[str] = "high",
) -> Template:  # fmt: skip
    return await _page(request, person, _chain(person, team, severity))


@post("/steps", guards=[CHANGES], include_in_schema=False)
async def write(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    """Shown first, saved when asked; after an error as it was typed."""
    typed = await request.form()
    chain, form = _chain_typed(person, typed), _form_of(typed)
    try:
        steps = _steps_of(form)
        if "save" not in typed:
            return await _page(request, person, chain, form=form, preview=steps)
        await change_steps.draft(request.app.state.database, person, chain, steps, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _page(request, person, chain, form=form, error=error)
    return _back(chain)


@post("/steps/approve", guards=[CHANGES], include_in_schema=False)
async def approve(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    async def change(database: Database, who: Person, chain: Chain, typed: FormMultiDict, now: datetime) -> None:
        version = str(typed.get("version", ""))
        if not version.isdigit():
            raise NotFound(change_steps.GONE)
        await change_steps.approve(database, who, chain, int(version), now)

    return await _changed(request, person, change)


@post("/steps/drop", guards=[CHANGES], include_in_schema=False)
async def drop(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(
        request, person, lambda database, who, chain, _, now: change_steps.drop(database, who, chain, now)
    )


@post("/steps/sign", guards=[CHANGES], include_in_schema=False)
async def sign(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    return await _changed(
        request, person, lambda database, who, chain, _, now: change_steps.sign(database, who, chain, now)
    )


async def _changed(request: Asked, person: Person, change: Change) -> Template | Redirect:
    typed = await request.form()
    chain = _chain_typed(person, typed)
    try:
        await change(request.app.state.database, person, chain, typed, datetime.now(UTC))
    except Conflict as error:
        return await _page(request, person, chain, error=error)
    return _back(chain)


async def _page(
    request: Asked, person: Person, chain: Chain, *, form: Form | None = None, preview: Sequence[Step] | None = None,
    error: CareloopError | None = None,
) -> Template:  # fmt: skip
    async with request.app.state.database.transaction(person.who) as db:
        all_teams = await teams.list_all(db)
        team = _team(all_teams, chain)
        versions = await step_versions.all_of(db, chain)
        general = await step_versions.all_of(db, msgspec.structs.replace(chain, team_id=None)) if team else versions
        await audit.note(
            db, person.who, person.organization, "steps.view", f"steps:{chain.severity}", datetime.now(UTC)
        )
    own, shared = _in_effect(versions), _in_effect(general)
    counting = own or shared
    draft = next((one for one in versions if one.state == "draft"), None)
    shown = counting.steps if counting else change_steps.rows(chain, escalation.DEFAULTS[chain.severity])
    return page(
        "careteam/steps.html", person, status=error.status if error else 200, teams=all_teams, team=team, chain=chain,
        severities=SEVERITIES, whom=PAGES_WHOM, by=BY, units=list(UNITS), counting=counting, own=own is not None,
        now_said=timeline(shown), draft=draft, draft_said=timeline(draft.steps) if draft else [],
        past=[(one, timeline(one.steps)) for one in versions if one.state in {"past", "dropped"}][:10],
        form=form or _form(draft.steps if draft else shown), preview=timeline(preview) if preview else [],
        warnings=escalation.problems(chain.severity, preview) if preview else [],
        problem=error.says if error else None, approves=person.role in change_steps.APPROVING,
        changes=person.role != "nurse",
    )  # fmt: skip


def _in_effect(versions: Sequence[Version]) -> Version | None:
    return next((one for one in versions if one.state == "in_effect"), None)


def timeline(steps: Sequence[StepRow | Step]) -> list[str]:
    """ "at once: nurse on shift, by text", one line a step, the last with how often it is said again."""
    lines = [
        f"{_when(step)}: {' and '.join(PAGES_WHOM[who] for who in step.who)}, {BY[step.channel]}" for step in steps
    ]
    if lines:
        again = steps[-1].again or escalation.AGAIN
        lines[-1] += f"; then {escalation.every(again)} until somebody answers"
    return lines


def _when(step: StepRow | Step) -> str:
    if step.business_day:
        later = f", {escalation.words(step.after)} later at the earliest" if step.after else ""
        return f"next working day at 09:00{later}"
    return f"after {escalation.words(step.after)}" if step.after else "at once"


def _form(steps: Sequence[StepRow]) -> Form:
    rows = []
    for step in steps:
        number, unit = _in_units(step.after)
        rows.append(Row(after=number, unit=unit, day=step.business_day, who=tuple(step.who), channel=step.channel))
    again, again_unit = _in_units((steps[-1].again if steps else None) or escalation.AGAIN)
    return Form(rows=_with_spare(rows), again=again, again_unit=again_unit)


def _with_spare(rows: list[Row]) -> list[Row]:
    used = [row for row in rows if row.who or row.after]
    return (used + [Row()] * SPARE)[: escalation.LONGEST_CHAIN]


def _in_units(span: timedelta) -> tuple[str, str]:
    unit = "hours" if span and span % UNITS["hours"] == timedelta() else "minutes"
    return str(span // UNITS[unit]), unit


def _form_of(typed: FormMultiDict) -> Form:
    def field(name: str) -> str:
        return str(typed.get(name, "")).strip()

    rows = [
        Row(
            after=field(f"after_{n}"), unit=field(f"unit_{n}"), day=f"day_{n}" in typed, channel=field(f"channel_{n}"),
            who=tuple(str(who) for who in typed.getall(f"who_{n}", [])),
        )
        for n in range(escalation.LONGEST_CHAIN)
    ]  # fmt: skip
    return Form(rows=_with_spare(rows), again=field("again"), again_unit=field("again_unit"))


def _steps_of(form: Form) -> list[Step]:
    """`Invalid` for what is no number; what must not be so is said with the preview and when it is saved."""
    used = [row for row in form.rows if row.who or row.after]
    return [
        Step(
            after=_span(row.after or "0", row.unit), who=_known(row.who), business_day=row.day,
            channel=cast("Channel", row.channel if row.channel in BY else "sms"),
            again=_span(form.again, form.again_unit) if n == len(used) else None,
        )
        for n, row in enumerate(used, 1)
    ]  # fmt: skip


def _known(who: Sequence[str]) -> tuple[Who, ...]:
    if unknown := sorted(set(who) - set(escalation.WHO)):
        raise NotFound(f"Nobody is called {unknown[0]} here. Choose from the list.")
    return cast("tuple[Who, ...]", tuple(who))


def _span(number: str, unit: str) -> timedelta:
    if not number.isascii() or not number.isdigit() or len(number) > 5 or unit not in UNITS:
        raise Invalid(f"“{number}” is not a time. Give whole minutes or hours, like 5.")
    return int(number) * UNITS[unit]


def _chain(person: Person, team: uuid.UUID | None, severity: str) -> Chain:
    if severity not in get_args(Severity):
        raise NotFound("There is no such severity. Go back to the steps.")
    return Chain(organization_id=person.organization, team_id=team, severity=cast("Severity", severity))


def _chain_typed(person: Person, typed: FormMultiDict) -> Chain:
    team = str(typed.get("team", ""))
    try:
        return _chain(person, uuid.UUID(team) if team else None, str(typed.get("severity", "")))
    except ValueError:
        raise NotFound(NOWHERE) from None


def _team(all_teams: Sequence[Team], chain: Chain) -> Team | None:
    if chain.team_id is None:
        return None
    for one in all_teams:
        if one.id == chain.team_id:
            return one
    raise NotFound(NOWHERE)


def _back(chain: Chain) -> Redirect:
    team = f"&team={chain.team_id}" if chain.team_id else ""
    return Redirect(f"/steps?severity={chain.severity}{team}", status_code=303)


handlers = [steps_page, write, approve, drop, sign]
