"""The patient as staff see them: who they are, what stands open, their numbers, and what was said to them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Template
from litestar.status_codes import HTTP_200_OK

from server.db.pool import Db
from server.flows.look import looking_at
from server.gaps import measuring
from server.monitoring import history, home_average, retrospective, worklist
from server.monitoring.history import Reading
from server.people import enrolments, patients
from server.security import audit
from server.security.guards import ANSWERING, staff_only
from server.security.sessions import Person
from server.web.careteam import limits, status
from server.web.pages import page

Asked = Request[Any, Any, State]
RANGES: Final = (7, 30, 90)
Days = Literal["7", "30", "90"]
PER_PAGE: Final = 20
PER_LIST: Final = 50


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What of the readings is shown: which vital, how far back, and after which row."""

    kind: str
    days: int
    until: datetime
    before: uuid.UUID


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, and how many of the found were shown already."""

    q: Annotated[str, msgspec.Meta(max_length=100)] = ""
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0


@get("/patients", guards=[staff_only], include_in_schema=False)
async def patients_page(
    request: Asked,
    person: NamedDependency[Person],
    offset: Annotated[int, QueryParameter(ge=0, le=100_000)] = 0,
) -> Template:
    """Everybody, by name."""
    return await _listed(request, person, "", offset)


@post("/patients/search", guards=[staff_only], include_in_schema=False, status_code=HTTP_200_OK)
async def patients_found(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Search]) -> Template:
    """By a word of the name, or the record number. A POST, so that no name stands in an address or a log."""
    return await _listed(request, person, data.q, data.offset)


async def _listed(request: Asked, person: Person, q: str, offset: int) -> Template:
    """The search itself is not noted, what it found is."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        found = await patients.find(db, q, limit=PER_LIST + 1, offset=offset)
        seen = {"patients": [str(one.id) for one in found[:PER_LIST]]}
        await audit.note(db, person.who, person.organization, "patients.list", "patients", now, detail=seen)
    more = offset + PER_LIST if len(found) > PER_LIST else None
    return page(
        "careteam/patients.html", person, q=q, found=found[:PER_LIST], more=more, offset=offset, today=now.date()
    )


@get("/patients/{patient_id:uuid}", guards=[staff_only], include_in_schema=False)
async def patient_page(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    kind: FromQuery[str] = "",
    days: FromQuery[Days] = "30",
) -> Template:
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        kinds = await history.kinds(db, patient_id, now - timedelta(days=RANGES[-1]))
        chosen = kind if kind in kinds else next(iter(kinds), "")
        place = Place(kind=chosen, days=int(days), until=_future(now), before=history.LAST_ID)
        found = {
            "programmes": await enrolments.of(db, patient_id, now),
            **await _open(db, person, patient_id),
            "settled": await history.settled(db, patient_id),
            "gaps": await history.gaps(db, patient_id),
            "home_average": await home_average.weeks(db, patient_id, ZoneInfo(patient.zone), now),
            "measuring": await measuring.of_patient(db, patient_id, now),
            "said": await history.said(db, patient_id),
            "held": await history.waiting(db, patient_id),
            **await status.standing(db, person, patient_id, now),
            **await limits.holding(db, person, patient_id, now, kinds),
            **await _table(db, patient_id, place, now),
        }
    return page(
        "careteam/patient.html",
        person,
        patient=patient,
        age=patient.age(now.date()),
        kinds=kinds,
        kind=chosen,
        days=int(days),
        ranges=RANGES,
        may_answer=person.role in ANSWERING,
        **found,
    )


@get("/patients/{patient_id:uuid}/alerts", guards=[staff_only], include_in_schema=False)
async def patient_alerts(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    """The part of the page that changes by itself: open alerts."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        standing = await _open(db, person, patient_id)
    may = person.role in ANSWERING
    return page("careteam/patient_alerts.html", person, patient=patient, may_answer=may, **standing)


async def _open(db: Db, person: Person, patient_id: uuid.UUID) -> dict[str, Any]:
    """Open alerts; of the one that gathers older readings also what crossed."""
    items = await worklist.open_alerts(db, patient_id)
    some = any(item.older for item in items)
    return {"items": items, "older": await retrospective.summary(db, person.organization, patient_id) if some else []}


@get("/patients/{patient_id:uuid}/readings", guards=[staff_only], include_in_schema=False)
async def patient_readings(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    kind: FromQuery[str] = "",
    days: FromQuery[Days] = "30",
    until: FromQuery[datetime | None] = None,
    before: FromQuery[uuid.UUID | None] = None,
) -> Template:
    """The table alone: the next page of it, or its newest rows again."""
    now = datetime.now(UTC)
    place = Place(kind=kind, days=int(days), until=until or _future(now), before=before or history.LAST_ID)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        table = await _table(db, patient_id, place, now)
    scripted = "hx-request" in request.headers
    name = "careteam/patient_readings.html" if scripted else "careteam/patient_readings_page.html"
    return page(name, person, patient=patient, kind=kind, days=int(days), **table)


async def _table(db: Db, patient_id: uuid.UUID, place: Place, now: datetime) -> dict[str, Any]:
    rows: list[Reading] = await history.readings(
        db,
        patient_id,
        kind=place.kind or None,
        since=now - timedelta(days=place.days),
        until=place.until,
        before=place.before,
        limit=PER_PAGE + 1,
    )
    return {"readings": rows[:PER_PAGE], "more": rows[PER_PAGE - 1] if len(rows) > PER_PAGE else None}


def _future(now: datetime) -> datetime:
    """A home's clock may run ahead; the bridge holds what is more than a day in the future."""
    return now + timedelta(days=2)


handlers = [patients_page, patients_found, patient_page, patient_alerts, patient_readings]
