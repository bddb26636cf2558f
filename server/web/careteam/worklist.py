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
from server.errors import Conflict, Invalid, Refused
from server.flows import acknowledge as flow
from server.monitoring import confirmations, lowerings, telling, worklist
from server.monitoring.alerts import Outcome
from server.monitoring.lowerings import Lowered, Proposal
from server.monitoring.telling import Telling
from server.monitoring.worklist import Item
from server.security import audit
from server.security.guards import ANSWERING, answers_alarms, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.pages import page

Asked = Request[Any, Any, State]
Note = Annotated[str, msgspec.Meta(max_length=2000)]
Back = Literal["worklist", "patient", "alert", "snoozes"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the worklist shows: its lines, and what must be said above them. Keyed by the alert's id.

    `folded`: alarms of silent devices, by the alarm of their hub, which stands above them and waits for them all.
    `answers` are what the patient was asked and said, in words; `proposals` later readings within limits.
    """

    items: list[Item]
    folded: dict[str, list[Item]]
    banner: Banner | None
    telling: dict[str, Telling]
    answers: dict[str, list[str]]
    proposals: dict[str, Proposal]
    lowered: dict[str, Lowered]
    aside: frozenset[uuid.UUID]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields; `back` says which page it stood on."""

    back: Back = "worklist"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    note: Note = ""
    back: Back = "worklist"


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
        seen = await _seen(db, person, datetime.now(UTC))
        if digest(seen) != shown:
            await _note_look(db, person, seen.items)
    return seen


async def _seen(db: Db, person: Person, now: datetime) -> Seen:
    items = await worklist.open_items(db)
    alerts = [item.id for item in items if item.kind == "alert"]
    answers = await confirmations.told(db, alerts)
    highs = any(item.severity == "high" for item in items if item.kind == "alert")
    return Seen(
        items=items,
        folded=worklist.folded(items),
        banner=await banner(db, now),
        telling=await telling.of(db, [item.id for item in items]),
        answers={str(alert): [line.words(person.zone) for line in said] for alert, said in answers.items()},
        proposals=await lowerings.proposed(db, now) if highs else {},
        lowered=await lowerings.lowered(db, alerts),
        aside=frozenset(item.id for item in items if item.aside(now)),
    )


async def _note_look(db: Db, person: Person, items: Sequence[Item]) -> None:
    seen = {"patients": sorted({str(item.patient_id) for item in items if item.patient_id})}
    now = datetime.now(UTC)
    await audit.note(db, person.who, person.organization, "worklist.view", "worklist", now, detail=seen)


def _shown(person: Person, name: str, seen: Seen, *, notice: str | None = None, status: int = 200) -> Template:
    under = {item.id for items in seen.folded.values() for item in items}
    quiet = seen.aside | under
    waiting = sum(item.status == "open" and item.older is None and item.id not in quiet for item in seen.items)
    may = person.role in ANSWERING
    return page(
        name,
        person,
        status=status,
        items=[item for item in seen.items if item.id not in under],
        seen=seen,
        banner=seen.banner,
        telling=seen.telling,
        notice=notice,
        may_answer=may,
        waiting=waiting,
        digest=digest(seen),
    )


def digest(seen: Seen) -> str:
    """Changes whenever a line would look different, apart from the passing of time."""
    return hashlib.sha256(msgspec.json.encode(seen, order="deterministic")).hexdigest()[:16]


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/acknowledge", guards=[answers_alerts], include_in_schema=False)
async def acknowledge(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Answered],
) -> Template | Redirect:
    answer = flow.acknowledge(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return await answered(request, person, answer, data.back, patient_id, alert_id)


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
    return await answered(request, person, answer, data.back, patient_id, alert_id)


@post("/alarms/{alarm_id:uuid}/acknowledge", guards=[answers_alarms], include_in_schema=False)
async def acknowledge_alarm(
    request: Asked, person: NamedDependency[Person], alarm_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    answer = flow.acknowledge_alarm(request.app.state.database, person, alarm_id, datetime.now(UTC))
    return await answered(request, person, answer, "worklist")


@post("/alarms/{alarm_id:uuid}/resolve", guards=[answers_alarms], include_in_schema=False)
async def resolve_alarm(
    request: Asked,
    person: NamedDependency[Person],
    alarm_id: FromPath[uuid.UUID],
    data: URLEncodedBody[AlarmResolved],
) -> Template | Redirect:
    answer = flow.resolve_alarm(request.app.state.database, person, alarm_id, data.note, datetime.now(UTC))
    return await answered(request, person, answer, "worklist")


async def answered(
    request: Asked,
    person: Person,
    answer: Awaitable[None],
    back: Back,
    patient_id: uuid.UUID | None = None,
    alert_id: uuid.UUID | None = None,
) -> Template | Redirect:
    """Back to where they were; with script only the list is swapped. Who came second is told who was first."""
    scripted = "hx-request" in request.headers
    try:
        await answer
    except (Conflict, Invalid, Refused) as refused:
        name = "careteam/worklist_list.html" if scripted else "careteam/worklist.html"
        seen = await _look(request, person)
        return _shown(person, name, seen, notice=refused.says, status=200 if scripted else refused.status)
    if scripted:
        return _shown(person, "careteam/worklist_list.html", await _look(request, person))
    return Redirect(_where(back, patient_id, alert_id), status_code=303)


def _where(back: Back, patient_id: uuid.UUID | None, alert_id: uuid.UUID | None) -> str:
    if back == "patient" and patient_id:
        return f"/patients/{patient_id}"
    if back == "alert" and patient_id and alert_id:
        return f"/alerts/{patient_id}/{alert_id}"
    return "/snoozes" if back == "snoozes" else "/worklist"


handlers = [
    worklist_page,
    worklist_list,
    acknowledge,
    resolve,
    acknowledge_alarm,
    resolve_alarm,
]
