"""The JSON interface of version 1: the same data and the same acts as the care team's pages."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Router, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.flows import acknowledge as flow
from server.flows.look import looking_at
from server.monitoring import history, limits, retrospective, worklist
from server.monitoring.alerts import Outcome
from server.monitoring.history import Reading
from server.monitoring.retrospective import Crossed
from server.monitoring.worklist import Item
from server.people import enrolments
from server.security import audit
from server.security.guards import answers_alerts, staff_only
from server.security.sessions import Person

Asked = Request[Any, Any, State]


class Worklist(msgspec.Struct, frozen=True, kw_only=True):
    """Most severe first, then oldest; items of older readings (`older`) after all that is live."""

    items: list[Item]


class PatientView(msgspec.Struct, frozen=True, kw_only=True):
    """Who the patient is, and what stands open. `older`: what crossed in the item of older readings, by rule."""

    id: uuid.UUID
    mrn: str
    given_name: str
    family_name: str
    birth_date: date
    sex: str
    zone: str
    language: str
    phone: str | None
    monitoring_status: str
    programmes: list[str]
    alerts: list[Item]
    older: list[Crossed]


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that applies to this patient now, in the metric's canonical unit."""

    vital: str
    metric: str
    side: str
    severity: str
    value: float


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` is the address of the following page, if there is one."""

    readings: list[Reading]
    limits: list[Level]
    next: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    status: str


@get("/worklist", summary="Open and acknowledged alerts and alarms", guards=[staff_only])
async def get_worklist(request: Asked, person: NamedDependency[Person]) -> Worklist:
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        items = await worklist.open_items(db)
        seen = {"patients": sorted({str(item.patient_id) for item in items if item.patient_id})}
        await audit.note(db, person.who, person.organization, "worklist.view", "worklist", now, detail=seen)
    return Worklist(items=items)


@get("/patients/{patient_id:uuid}", summary="One patient", guards=[staff_only])
async def get_patient(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> PatientView:
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        enrolled = await enrolments.of(db, patient_id, now)
        items = await worklist.open_alerts(db, patient_id)
        older = await retrospective.summary(db, person.organization, patient_id)
    known = {name: getattr(patient, name) for name in PatientView.__struct_fields__ if hasattr(patient, name)}
    return PatientView(**known, programmes=[one.code for one in enrolled], alerts=items, older=older)


@get("/patients/{patient_id:uuid}/readings", summary="A patient's readings and limits", guards=[staff_only])
async def get_readings(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    kind: FromQuery[str | None] = None,
    days: Annotated[int, QueryParameter(ge=1, le=3660)] = 30,
    limit: Annotated[int, QueryParameter(ge=1, le=2000)] = 500,
    until: FromQuery[datetime | None] = None,
    before: FromQuery[uuid.UUID | None] = None,
) -> Readings:
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "readings.view") as (db, _):
        rows = await history.readings(
            db,
            patient_id,
            kind=kind,
            since=now - timedelta(days=days),
            until=until or now + timedelta(days=2),
            before=before or history.LAST_ID,
            limit=limit + 1,
        )
        levels = (await limits.of_patients(db, [patient_id], now))[patient_id]
    more = _next(request, rows[limit - 1]) if len(rows) > limit else None
    return Readings(readings=rows[:limit], limits=[_level(x) for x in levels if kind in {None, x.vital}], next=more)


def _next(request: Asked, last: Reading) -> str:
    # Zulu, for a plus in an address is a space.
    at = last.measured_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    asked = {**dict(request.query_params), "until": at, "before": str(last.id)}
    return f"{request.url.path}?{urlencode(asked)}"


def _level(limit: limits.Limit) -> Level:
    return Level(
        vital=limit.vital,
        metric=limit.metric,
        side=limit.side,
        severity=limit.severity,
        value=float(limit.value),
    )


@post(
    "/alerts/{patient_id:uuid}/{alert_id:uuid}/acknowledge",
    summary="Take an alert on",
    guards=[answers_alerts],
    status_code=200,
)
async def acknowledge(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
) -> Done:
    """409 names who was first."""
    await flow.acknowledge(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return Done(status="acknowledged")


@post(
    "/alerts/{patient_id:uuid}/{alert_id:uuid}/resolve",
    summary="Close an alert with what came of it",
    guards=[answers_alerts],
    status_code=200,
)
async def resolve(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: JSONBody[Resolution],
) -> Done:
    now = datetime.now(UTC)
    database = request.app.state.database
    await flow.resolve(database, person, patient_id, alert_id, data.outcome, data.note, now)
    return Done(status="resolved")


handlers = [
    Router(
        "/api/v1",
        route_handlers=[get_worklist, get_patient, get_readings, acknowledge, resolve],
        tags=["care team"],
    )
]
