"""A patient's limits and programmes: what holds and whose it is, seen on stored readings before it is changed."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any, Final, cast

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database, Db
from server.errors import CareloopError, Conflict, Invalid, NotFound, Refused
from server.flows import enrol, set_limits
from server.flows.look import looking_at
from server.flows.set_limits import MAY, NO_LEVEL, UNLOCK
from server.monitoring import defaults, own_limits, scales
from server.monitoring.own_limits import Key, Level
from server.people import joining
from server.security.guards import answers_alarms, refuse, staff_only
from server.security.sessions import Person
from server.web.forms import Typed, typed_in
from server.web.pages import page
from server.web.shown import METRIC_UNITS

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, uuid.UUID, Typed, datetime], Awaitable[None]]
MAY_ENROL: Final = ("nurse", "clinician", "coordinator", "admin")
DIGITS: Final = -2  # canonical units with two decimals at most
METRICS: Final = {
    "systolic_mmhg": "Systolic",
    "diastolic_mmhg": "Diastolic",
    "pulse_bpm": "Pulse",
    "glucose_mgdl": "Glucose",
    "weight_kg": "Weight",
    "spo2_pct": "Oxygen saturation",
    "temperature_c": "Temperature",
}
OVER: Final = {"average": "average of a week", "sustained": "days in a row", "count": "counted over days"}


async def holding(
    db: Db, person: Person, patient_id: uuid.UUID, now: datetime, first: Collection[str] = ()
) -> dict[str, Any]:
    """What the patient's page shows of it, by rule. Those of the vitals `first`, and own ones, stand in front."""
    every = await own_limits.levels(db, patient_id, now)
    groups = by_rule(_shown(every), also_unset=person.role in MAY)
    near = [one for one in groups if not first or one[0].vital in first or any(level.own for level in one)]
    return {
        "near_limits": near,
        "unset_limits": unset(every),
        "other_scales": await _other_scales(db, patient_id, every),
        "far_limits": [one for one in groups if one not in near],
        "may_limit": person.role in MAY,
        "metrics": METRICS,
        "metric_units": METRIC_UNITS,
        "over": OVER,
        "is_target": set_limits.is_target,
    }


async def _other_scales(db: Db, patient_id: uuid.UUID, every: Iterable[Level]) -> list[tuple[Level, datetime]]:
    """A dry weight of the patient's own that was set before the scale they use now, and that scale's first weight."""
    found = []
    for one in every:
        if one.own and one.kind == "crossing" and one.metric == scales.METRIC:
            began = list((await scales.since(db, patient_id, one.own.valid_from)).values())
            found += [(one, began[-1])] if began else []
    return found


def _shown(levels: list[Level]) -> list[Level]:
    """Beside an own oxygen target the general levels can add nothing; so they are not shown."""
    hidden = {level.rule_id for level in levels if set_limits.is_target(level) and level.own}
    return [level for level in levels if level.rule_id not in hidden or set_limits.is_target(level)]


def by_rule(levels: Iterable[Level], *, also_unset: bool) -> list[list[Level]]:
    """The levels of one rule together, in their order; one that only an own value would set is for who may set it."""
    set_ones = [level for level in levels if also_unset or level.value is not None]
    return [list(of_rule) for _, of_rule in groupby(set_ones, key=lambda level: level.rule_id)]


def unset(levels: Iterable[Level]) -> list[Level]:
    """A level of each rule that knows only the patient's own value, and has none: it judges nothing."""
    groups = by_rule([one for one in levels if one.kind == "crossing"], also_unset=True)
    return [of_rule[0] for of_rule in groups if all(one.value is None for one in of_rule)]


@get("/patients/{patient_id:uuid}/limits", guards=[staff_only], include_in_schema=False)
async def limits_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    """All limits; with one of them in the address (`rule`, `metric`, `side`, `severity`) the form to change it."""
    return await _page(request, person, patient_id, dict(request.query_params.items()))


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, typed: Typed, *,
    error: CareloopError | None = None, preview: bool = False,
) -> Template:  # fmt: skip
    """With what was typed, what was wrong with it, and what it would have made of the last thirty days."""
    now, seen_on = datetime.now(UTC), None
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        every = await own_limits.levels(db, patient_id, now)
        level = set_limits.find(every, *_level(typed)) if "rule" in typed else None
        if preview and level is not None:
            try:
                seen_on = await set_limits.preview(db, every, patient_id, level, _value(typed), now)
            except Invalid as wrong:
                error = wrong
        shown = {
            **await holding(db, person, patient_id, now),
            "choices": await joining.choices(db, patient_id, now),
            "history": await own_limits.history(db, patient_id),
        }
    return page(
        "careteam/limits.html", person, status=error.status if error else 200, patient=patient, typed=typed,
        problem=error.says if error else None, level=level, seen=set_limits.seen(level) if level else "",
        may_unlock=person.role in UNLOCK, may_enrol=person.role in MAY_ENROL, may_undo=set_limits.may_undo,
        preview=seen_on, previewed=preview and error is None, everybody=defaults.EVERYBODY, **shown,
    )  # fmt: skip


@post("/patients/{patient_id:uuid}/limits", guards=[answers_alarms], include_in_schema=False)
async def set_limit(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """See what it would change, save it, or go back to the general value: three buttons of one form."""

    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        rule, key = _level(typed)
        reason, seen = typed.get("reason", "")[:2000], typed.get("seen", "")
        if typed.get("do") == "end":
            await set_limits.end(database, who, patient, rule, key, reason, seen, now)
            return
        asked = set_limits.Asked(
            rule_id=rule, metric=key[0], side=key[1], severity=key[2], value=_value(typed), reason=reason,
            through=_day(typed.get("through", "")), locked="locked" in typed, seen=seen,
        )  # fmt: skip
        await set_limits.set_own(database, who, patient, asked, now)

    return await _changed(request, person, patient_id, change)


@post("/patients/{patient_id:uuid}/limits/undo", guards=[answers_alarms], include_in_schema=False)
async def undo_limit(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        await set_limits.undo(database, who, patient, _id(typed, "change"), now)

    return await _changed(request, person, patient_id, change)


@post("/patients/{patient_id:uuid}/programmes/join", guards=[answers_alarms], include_in_schema=False)
async def join(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        asked = enrol.Asked(
            code=typed.get("programme", ""),
            spo2_target_pct=_number(typed["spo2"]) if typed.get("spo2") else None,
            dry_weight_kg=_number(typed["dry_weight"]) if typed.get("dry_weight") else None,
        )
        await enrol.join(database, who, patient, asked, now)

    return await _changed(request, person, patient_id, change)


@post("/patients/{patient_id:uuid}/programmes/leave", guards=[answers_alarms], include_in_schema=False)
async def leave(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        await enrol.leave(database, who, patient, _id(typed, "programme"), now)

    return await _changed(request, person, patient_id, change)


async def _changed(request: Asked, person: Person, patient_id: uuid.UUID, change: Change) -> Template | Redirect:
    """Back to the list; what could not be done, or would be done, is said above what was typed."""
    database, now = request.app.state.database, datetime.now(UTC)
    async with looking_at(database, person, patient_id, now):
        typed = await typed_in(request)
    if typed.get("do") == "preview":
        return await _page(request, person, patient_id, typed, preview=True)
    try:
        await change(database, person, patient_id, typed, now)
    except (Invalid, Conflict, Refused) as error:
        if isinstance(error, Refused):
            await refuse(request, person, "patient.limit", f"patient:{patient_id}", patient_id)
        return await _page(request, person, patient_id, typed, error=error)
    return Redirect(f"/patients/{patient_id}/limits", status_code=303)


def _level(typed: Typed) -> tuple[uuid.UUID, Key]:
    key = (typed.get("metric", ""), typed.get("side", ""), typed.get("severity", ""))
    return _id(typed, "rule"), cast("Key", key)


def _id(typed: Typed, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get(field, ""))
    except ValueError:
        raise NotFound(NO_LEVEL) from None


def _value(typed: Typed) -> Decimal:
    return _number(typed.get("value", ""))


def _number(typed: str) -> Decimal:
    """As people write it: a comma is a point; at most two decimals."""
    try:
        value = Decimal(typed.strip().replace(",", ".")[:20])
    except InvalidOperation:
        raise Invalid("Give the value as a number, like 160 or 81.5.") from None
    if not value.is_finite() or cast("int", value.as_tuple().exponent) < DIGITS:
        raise Invalid("Give the value as a number with two decimals at most, like 160 or 81.5.")
    return value


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise Invalid("Choose the last day from the calendar, or leave it empty.") from None


handlers = [limits_page, set_limit, undo_limit, join, leave]
