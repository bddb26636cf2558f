"""The nurse's list: what waits for an answer, and the answers; the same partial serves the page and the swap."""

import hashlib
import uuid
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from server.auditing.banner import Banner, banner
from server.db.pool import Db
from server.errors import Conflict
from server.flows import acknowledge as flow
from server.monitoring import telling, worklist
from server.monitoring.alerts import Outcome
from server.monitoring.telling import Telling
from server.monitoring.worklist import Item
from server.security import audit
from server.security.guards import ANSWERING, answers_alarms, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.pages import page

Asked = Request[Any, Any, State]
Note = Annotated[str, msgspec.Meta(max_length=2000)]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the worklist shows: its lines, and what must be said above them."""

    items: list[Item]
    banner: Banner | None
    telling: dict[str, Telling]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields; `back` says which page it stood on."""

    back: Literal["worklist", "patient"] = "worklist"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    note: Note = ""
    back: Literal["worklist", "patient"] = "worklist"


class AlarmResolved(msgspec.Struct, frozen=True, kw_only=True):
    note: Note = ""


@get("/worklist", guards=[staff_only], include_in_schema=False)
async def worklist_page(request: Asked, person: NamedDependency[Person]) -> Template:
    return _shown(person, "careteam/worklist.html", await _look(request, person))


@get("/worklist/list", guards=[staff_only], include_in_schema=False)
async def worklist_list(
    request: Asked, person: NamedDependency[Person], shown: FromQuery[str] = ""
) -> Template | Response[None]:
    """The part that live pages fetch again; 204 when they show just this already."""
    seen = await _look(request, person, shown)
    if digest(seen) == shown:
        return Response(None, status_code=204)
    return _shown(person, "careteam/worklist_list.html", seen)


async def _look(request: Asked, person: Person, shown: str = "") -> Seen:
    """A look is noted with whom it showed; a page that fetches what it shows already is the same look."""
    async with request.app.state.database.transaction(person.who) as db:
        items = await worklist.open_items(db)
        telling_of = await telling.of(db, [item.id for item in items])
        seen = Seen(items=items, banner=await banner(db, datetime.now(UTC)), telling=telling_of)
        if digest(seen) != shown:
            await _note_look(db, person, seen.items)
    return seen


async def _note_look(db: Db, person: Person, items: Sequence[Item]) -> None:
    seen = {"patients": sorted({str(item.patient_id) for item in items if item.patient_id})}
    now = datetime.now(UTC)
    await audit.note(db, person.who, person.organization, "worklist.view", "worklist", now, detail=seen)


def _shown(person: Person, name: str, seen: Seen, *, notice: str | None = None, status: int = 200) -> Template:
    waiting = sum(item.status == "open" and item.older is None for item in seen.items)
    may = person.role in ANSWERING
    return page(
        name,
        person,
        status=status,
        items=seen.items,
        banner=seen.banner,
        telling=seen.telling,
        notice=notice,
        may_answer=may,
        waiting=waiting,
        digest=digest(seen),
    )


def digest(seen: Seen) -> str:
    """Changes whenever a line would look different, apart from the passing of time."""
    return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:16]


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/acknowledge", guards=[answers_alerts], include_in_schema=False)
async def acknowledge(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Answered],
) -> Template | Redirect:
    answer = flow.acknowledge(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return await _answered(request, person, answer, data.back, patient_id)


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/resolve", guards=[answers_alerts], include_in_schema=False)
async def resolve(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Resolved],
) -> Template | Redirect:
    answer = flow.resolve(
        request.app.state.database, person, patient_id, alert_id, data.outcome, data.note, datetime.now(UTC)
    )
    return await _answered(request, person, answer, data.back, patient_id)


@post("/alarms/{alarm_id:uuid}/acknowledge", guards=[answers_alarms], include_in_schema=False)
async def acknowledge_alarm(
    request: Asked, person: NamedDependency[Person], alarm_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    answer = flow.acknowledge_alarm(request.app.state.database, person, alarm_id, datetime.now(UTC))
    return await _answered(request, person, answer, "worklist", None)


@post("/alarms/{alarm_id:uuid}/resolve", guards=[answers_alarms], include_in_schema=False)
async def resolve_alarm(
    request: Asked,
    person: NamedDependency[Person],
    alarm_id: FromPath[uuid.UUID],
    data: URLEncodedBody[AlarmResolved],
) -> Template | Redirect:
    answer = flow.resolve_alarm(request.app.state.database, person, alarm_id, data.note, datetime.now(UTC))
    return await _answered(request, person, answer, "worklist", None)


async def _answered(
    request: Asked, person: Person, answer: Awaitable[None], back: str, patient_id: uuid.UUID | None
) -> Template | Redirect:
    """Back to where they were; with script only the list is swapped. Who came second is told who was first."""
    scripted = "hx-request" in request.headers
    try:
        await answer
    except Conflict as late:
        name = "careteam/worklist_list.html" if scripted else "careteam/worklist.html"
        seen = await _look(request, person)
        return _shown(person, name, seen, notice=late.says, status=200 if scripted else 409)
    if scripted:
        return _shown(person, "careteam/worklist_list.html", await _look(request, person))
    where = f"/patients/{patient_id}" if back == "patient" and patient_id else "/worklist"
    return Redirect(where, status_code=303)


handlers = [
    worklist_page,
    worklist_list,
    acknowledge,
    resolve,
    acknowledge_alarm,
    resolve_alarm,
]
