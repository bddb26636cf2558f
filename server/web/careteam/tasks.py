"""What a person must do, on one page: overdue first, with what to say, and what came of it; undone for a day."""

import hashlib
import uuid
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows import task as flow
from server.outreach import tasks
from server.outreach.tasks import Task, Waiting
from server.security import audit
from server.security.guards import answers_alarms, staff_only
from server.security.sessions import Person, Role
from server.web.pages import page

Asked = Request[Any, Any, State]
Whose = Literal["all", "mine"]
MAY: Final[tuple[Role, ...]] = ("nurse", "clinician", "coordinator", "admin")
UNDO: Final = timedelta(hours=24)

KINDS: Final = {
    "call_patient": "Safety message did not arrive",
    "call_for_gap": "Call: check due",
    "call_back": "Call back",
    "noshow_call": "Call: did not come",
    "not_taken_call": "Call: not taken twice",
    "gap_not_for_me": "Ask why not",
    "bad_number": "Correct a number",
    "unreachable": "Cannot be reached",
    "text_unresolved": "Did the text arrive?",
    "reply_unclear": "Understand an answer",
    "questionnaire_answers": "Read the answers",
    "refill_said_done": "Enter the fill",
}
OUTCOMES: Final = {
    "reached": "Reached and talked",
    "left_message": "Left a message",
    "no_answer": "Nobody answered",
    "booked": "Booked",
    "done_elsewhere": "Done already, or elsewhere",
    "declined": "Does not want it",
    "wrong_number": "Wrong number",
    "corrected": "Number or record corrected",
    "letter_sent": "Letter sent",
    "not_needed": "Not needed any more",
}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a look shows; `today` is the organization's date."""

    today: date
    whose: Whose
    kind: str
    items: list[Task]
    closed: list[Task]
    kinds: dict[str, int]
    waiting: Waiting


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    outcome: str | None = None
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    again: int = 0
    whose: Whose = "all"
    kind: str = ""


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the list the button stood on."""

    whose: Whose = "all"
    kind: str = ""


@get("/tasks", guards=[staff_only], include_in_schema=False)
async def tasks_page(
    request: Asked, person: NamedDependency[Person], whose: FromQuery[Whose] = "all", kind: FromQuery[str] = ""
) -> Template:
    return _shown(person, "careteam/tasks.html", await _look(request, person, whose, kind))


@get("/tasks/list", guards=[staff_only], include_in_schema=False)
async def tasks_list(
    request: Asked, person: NamedDependency[Person], whose: FromQuery[Whose] = "all", kind: FromQuery[str] = "",
    shown: FromQuery[str] = "",
) -> Template | Response[None]:  # fmt: skip
    """The part that live pages fetch again; 204 when they show just this already."""
    seen = await _look(request, person, whose, kind, shown)
    if digest(seen) == shown:
        return Response(None, status_code=204)
    return _shown(person, "careteam/tasks_list.html", seen)


@get("/tasks/count", guards=[staff_only], include_in_schema=False, media_type=MediaType.HTML)
async def tasks_count(request: Asked, person: NamedDependency[Person]) -> Template:
    """For the navigation: how many are due today or before."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        found = await tasks.waiting(db, _today(person, now), person.staff_id)
    return page("careteam/queues_count.html", person, waiting=found.due)


async def _look(request: Asked, person: Person, whose: Whose, kind: str, shown: str = "") -> Seen:
    """A look is noted with whom it showed; a page that fetches what it shows already is the same look."""
    now = datetime.now(UTC)
    today = _today(person, now)
    async with request.app.state.database.transaction(person.who) as db:
        seen = Seen(
            today=today, whose=whose, kind=kind,
            items=await tasks.still_open(db, person.staff_id if whose == "mine" else None, kind or None),
            closed=await tasks.closed_since(db, now - UNDO), kinds=await tasks.kinds(db),
            waiting=await tasks.waiting(db, today, person.staff_id),
        )  # fmt: skip
        if digest(seen) != shown:
            named = sorted({str(one.patient_id) for one in (*seen.items, *seen.closed) if one.patient_id})
            await audit.note(
                db, person.who, person.organization, "tasks.view", "tasks", now, detail={"patients": named}
            )
    return seen


def _today(person: Person, now: datetime) -> date:
    return now.astimezone(ZoneInfo(person.zone)).date()


def digest(seen: Seen) -> str:
    """Changes whenever a line would look different."""
    return hashlib.sha256(msgspec.json.encode(seen, order="deterministic")).hexdigest()[:16]


def _shown(person: Person, name: str, seen: Seen, *, error: CareloopError | None = None, status: int = 200) -> Template:
    groups = [
        ("Overdue", [one for one in seen.items if one.due_on < seen.today]),
        ("Today", [one for one in seen.items if one.due_on == seen.today]),
        ("Later", [one for one in seen.items if one.due_on > seen.today]),
    ]
    return page(
        name, person, status=status, seen=seen, groups=[group for group in groups if group[1]], may=person.role in MAY,
        kind_words=kind_words, task_outcomes=OUTCOMES, digest=digest(seen), notice=error.says if error else None,
        most=tasks.SHOWN,
    )  # fmt: skip


def kind_words(kind: str) -> str:
    """A kind in plain words, also one that was added after this page."""
    return KINDS.get(kind) or kind.replace("_", " ").capitalize()


@get("/tasks/{task_id:uuid}", guards=[staff_only], include_in_schema=False)
async def task_page(request: Asked, person: NamedDependency[Person], task_id: FromPath[uuid.UUID]) -> Template:
    return await _one(request, person, task_id)


async def _one(request: Asked, person: Person, task_id: uuid.UUID, error: CareloopError | None = None) -> Template:
    """One task with the form that closes it: where "Close" leads without script."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        found = await tasks.get(db, task_id)
        if found is None:
            raise NotFound(flow.GONE)
        subject = f"task:{task_id}"
        await audit.note(db, person.who, person.organization, "task.view", subject, now, patient=found.patient_id)
    return page(
        "careteam/task.html", person, status=error.status if error else 200, task=found, may=person.role in MAY,
        kind_words=kind_words, task_outcomes=OUTCOMES, notice=error.says if error else None,
        today=_today(person, now), undo_from=now - UNDO,
    )  # fmt: skip


@post("/tasks/{task_id:uuid}/take", guards=[answers_alarms], include_in_schema=False)
async def take(
    request: Asked, person: NamedDependency[Person], task_id: FromPath[uuid.UUID], data: URLEncodedBody[Acting]
) -> Template | Redirect:
    act = flow.take(request.app.state.database, person, task_id, datetime.now(UTC))
    return await _acted(request, person, act, data.whose, data.kind)


@post("/tasks/{task_id:uuid}/put-back", guards=[answers_alarms], include_in_schema=False)
async def put_back(
    request: Asked, person: NamedDependency[Person], task_id: FromPath[uuid.UUID], data: URLEncodedBody[Acting]
) -> Template | Redirect:
    act = flow.put_back(request.app.state.database, person, task_id, datetime.now(UTC))
    return await _acted(request, person, act, data.whose, data.kind)


@post("/tasks/{task_id:uuid}/close", guards=[answers_alarms], include_in_schema=False)
async def close(
    request: Asked, person: NamedDependency[Person], task_id: FromPath[uuid.UUID], data: URLEncodedBody[Closing]
) -> Template | Redirect:
    """Closed, or tried and to be tried again; what cannot be is said on the task's own page, where the form is."""
    now = datetime.now(UTC)
    try:
        await flow.close(
            request.app.state.database, person, task_id, data.outcome, data.note, now, again_in_days=data.again
        )
    except Invalid as error:
        return await _one(request, person, task_id, error)
    except Conflict as error:
        seen = await _look(request, person, data.whose, data.kind)
        return _shown(person, "careteam/tasks.html", seen, error=error, status=error.status)
    return Redirect(_where(data.whose, data.kind), status_code=303)


@post("/tasks/{task_id:uuid}/reopen", guards=[answers_alarms], include_in_schema=False)
async def reopen(
    request: Asked, person: NamedDependency[Person], task_id: FromPath[uuid.UUID], data: URLEncodedBody[Acting]
) -> Template | Redirect:
    act = flow.reopen(request.app.state.database, person, task_id, datetime.now(UTC))
    return await _acted(request, person, act, data.whose, data.kind)


async def _acted(
    request: Asked, person: Person, act: Awaitable[None], whose: Whose, kind: str
) -> Template | Redirect:  # fmt: skip
    """Back to the list; with script only the list is swapped. Who came second is told who was first."""
    scripted = "hx-request" in request.headers
    name = "careteam/tasks_list.html" if scripted else "careteam/tasks.html"
    try:
        await act
    except Conflict as error:
        seen = await _look(request, person, whose, kind)
        return _shown(person, name, seen, error=error, status=200 if scripted else error.status)
    if scripted:
        return _shown(person, name, await _look(request, person, whose, kind))
    return Redirect(_where(whose, kind), status_code=303)


def _where(whose: Whose, kind: str) -> str:
    return f"/tasks?whose={whose}&kind={kind}" if kind.replace("_", "").isalnum() else f"/tasks?whose={whose}"


handlers = [tasks_page, tasks_list, tasks_count, task_page, take, put_back, close, reopen]
