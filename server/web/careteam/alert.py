"""One alert explains itself: what was measured, how well its time is known, whose limit it crossed, by which rule."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from server.db.pool import Db
from server.errors import NotFound
from server.flows import lower as flow
from server.flows.acknowledge import GONE
from server.flows.look import looking_at
from server.monitoring import (
    alert_history,
    confirmations,
    explained,
    lowerings,
    rule_text,
    scales,
    series,
    telling,
    usual,
    worklist,
)
from server.monitoring.explained import Evidence, Speaking
from server.monitoring.rule_text import Level
from server.monitoring.worklist import Item
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web import facts
from server.web.careteam import because, sparkline
from server.web.careteam.worklist import Answered, answered
from server.web.pages import page

Asked = Request[Any, Any, State]
PICTURE: Final = timedelta(days=14)
BEFORE: Final = timedelta(days=7)


@get("/alerts/{patient_id:uuid}/{alert_id:uuid}", guards=[staff_only], include_in_schema=False)
async def alert_page(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID], alert_id: FromPath[uuid.UUID]
) -> Template:
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "alert.view") as (db, patient):
        item = await worklist.one_alert(db, patient_id, alert_id)
        if item is None:
            raise NotFound(GONE)
        known = {
            **await _measured(db, item, now),
            **await _said(db, item, person, now),
        }
    may = person.role in ANSWERING
    return page("careteam/alert.html", person, patient=patient, item=item, may_answer=may, because=because, **known)


async def _measured(db: Db, item: Item, now: datetime) -> dict[str, Any]:
    """The readings, the limit and the rule; of an alert without a finding that holds only what is left."""
    assert item.patient_id is not None
    readings, total = await explained.evidence(db, item.patient_id, item.id)
    speaking = await explained.speaking(db, item.patient_id, item.id)
    found: dict[str, Any] = {
        "evidence": readings, "total": total, "speaking": speaking, "rule": None, "protocols": [], "levels": [],
        "usual": None, "picture": None, "picture_ends": "", "other_scale": None,
        "in_doubt": await explained.in_doubt(db, item.patient_id, item.id),
    }  # fmt: skip
    if speaking is None:
        return found
    levels = await rule_text.levels(db, item.patient_id, speaking)
    return found | {
        "rule": await rule_text.rule_of(db, speaking.rule_version_id),
        "protocols": await rule_text.protocols(db, item.patient_id, speaking.rule_version_id, speaking.found_at),
        "levels": levels,
        "other_scale": await _other_scale(db, item.patient_id, speaking, levels, readings),
        **await _course(db, item, speaking, readings, now),
    }


async def _other_scale(
    db: Db, patient: uuid.UUID, speaking: Speaking, levels: Sequence[Level], readings: Sequence[Evidence]
) -> str | None:
    """Why a weight over the dry weight may be the scale's doing; None when it was set with this scale in use."""
    set_at = levels[0].since if levels and levels[0].whose == "own" else None
    if speaking.metric != scales.METRIC or set_at is None or not readings:
        return None
    began = (await scales.since(db, patient, set_at)).get(readings[0].device_id or "")
    return because.other_scale(readings[0], began) if began else None


async def _course(
    db: Db, item: Item, speaking: Speaking, readings: list[Evidence], now: datetime
) -> dict[str, Any]:  # fmt: skip
    """Their own average of the seven days before, and the picture of the fourteen days up to now or to the finding."""
    assert item.patient_id is not None and item.crossing is not None
    end = now if now - speaking.measured_at < PICTURE else speaking.measured_at + BEFORE
    start = min(end - PICTURE, speaking.measured_at - BEFORE)
    course = await series.since(db, item.patient_id, start, end)
    crossing = item.crossing
    limits = {crossing.limit_value} if crossing.rule_kind not in {"trend", "flag", "missing"} else set()
    paired = {crossing.limit_systolic, crossing.limit_diastolic} if speaking.metric in facts.PAIRED else set()
    drawn = [float(value) for value in limits | paired if value is not None]
    chosen = {one.id for one in readings}
    number = _drawn(speaking.metric, crossing.vital)  # of a flag or a missing measurement: its vital's
    before = usual.before(course, number, speaking.measured_at)
    return {
        "usual": before if before.metrics else None,
        "picture_ends": "now" if end == now else "a week after",
        "picture": sparkline.draw(course, number, drawn, chosen, end - PICTURE, end),
    }


def _drawn(metric: str, vital: str) -> str:
    """The number itself; of what is no number (a flag, a measurement that did not come) the vital's first."""
    return metric if usual.together(metric) else next((m for v, (m, *_) in series.METRICS.items() if v == vital), "")


async def _said(db: Db, item: Item, person: Person, now: datetime) -> dict[str, Any]:
    """Who was told, what the patient answered, what can be done now, and what became of it so far."""
    assert item.patient_id is not None
    lines = await alert_history.lines(db, item.patient_id, item.id)
    told = await telling.of(db, [item.id])
    answers = await confirmations.told(db, [item.id])
    return {
        "told": told.get(str(item.id)),
        "answers": answers.get(item.id, []),
        "proposal": (await lowerings.proposed(db, now, item.patient_id, item.id)).get(str(item.id)),
        "lowered": (await lowerings.lowered(db, [item.id])).get(str(item.id)),
        "history": because.history(lines, person.zone, now),
    }


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/lower", guards=[answers_alerts], include_in_schema=False)
async def lower(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Answered],
) -> Template | Redirect:
    answer = flow.lower(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return await answered(request, person, answer, data.back, patient_id, alert_id)


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/raise", guards=[answers_alerts], include_in_schema=False)
async def raise_again(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Answered],
) -> Template | Redirect:
    answer = flow.raise_again(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return await answered(request, person, answer, data.back, patient_id, alert_id)


handlers = [alert_page, lower, raise_again]
