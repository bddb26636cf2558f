"""A patient's conversation: all that was said both ways, what came of it, and a text in one's own words."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from notifications.quiet_hours import Window
from notifications.segments import cost
from server.db.pool import Db
from server.errors import CareloopError, Conflict, Invalid, Refused
from server.flows import text_again, write_text
from server.flows.look import looking_at
from server.flows.write_text import Draft
from server.gaps import wishes
from server.outreach import own_hours
from server.people import conversations
from server.people.conversations import Show
from server.people.patients import Patient
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.settings import Settings
from server.web.careteam import conversation_words
from server.web.forms import Typed, typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
PER_PAGE: Final = 50
AHEAD: Final = timedelta(days=1)


@get("/patients/{patient_id:uuid}/conversation", guards=[staff_only], include_in_schema=False)
async def conversation_page(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    show: FromQuery[Show] = "all",
    before: FromQuery[datetime | None] = None,
) -> Template:
    return await _page(request, person, patient_id, show, before)


@get("/patients/{patient_id:uuid}/conversation/lines", guards=[staff_only], include_in_schema=False)
async def conversation_lines(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID], show: FromQuery[Show] = "all"
) -> Template:
    """The part of the page that changes by itself."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "conversation.view") as (db, patient):
        said = await _lines(db, patient, show, None, now)
    return page("careteam/conversation_lines.html", person, patient=patient, words=conversation_words, **said)


@post("/patients/{patient_id:uuid}/conversation", guards=[answers_alerts], include_in_schema=False)
async def write_to_patient(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Sent, or shown again as it was typed with what to change; "check" only counts."""
    typed = await typed_in(request)
    settings: Settings = request.app.state.settings
    sender = settings.twilio.sender if settings.twilio else ""
    if typed.get("do") == "check":
        return await _page(request, person, patient_id, typed=typed)
    try:
        await write_text.write(request.app.state.database, person, patient_id, _draft(typed), datetime.now(UTC), sender)
    except (Invalid, Conflict, Refused) as error:
        return await _page(request, person, patient_id, error=error, typed=typed)
    return Redirect(f"/patients/{patient_id}/conversation#newest", status_code=303)


@post("/patients/{patient_id:uuid}/gaps/{gap:uuid}/texts", guards=[answers_alerts], include_in_schema=False)
async def texts_about_gap(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID], gap: FromPath[uuid.UUID]
) -> Redirect:
    """The undo of what a patient's "later" or "not for me" did."""
    await text_again.text_again(request.app.state.database, person, patient_id, gap, datetime.now(UTC))
    return Redirect(f"/patients/{patient_id}/conversation", status_code=303)


def _draft(typed: Typed) -> Draft:
    try:
        token = uuid.UUID(typed.get("token", ""))
    except ValueError:
        token = uuid.uuid4()  # a script without our page: each of its requests is a text of its own
    return Draft(
        body=typed.get("body", ""), token=token, sure=typed.get("sure") == "on", at_night=typed.get("at_night") == "on"
    )


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, show: Show = "all", before: datetime | None = None, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed, with the same token: what went through meanwhile does not go again."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "conversation.view") as (db, patient):
        said = await _lines(db, patient, show, before, now)
        own = await own_hours.of(db, patient_id)
        window = Window(opens=own.opens, closes=own.closes) if own.author else None
        hours = await write_text.hours_of(db, patient, own.region, window, now)
        barred = await conversations.barred(db, patient.organization_id, patient.phone_hash)
        paused = await wishes.paused(db, patient_id, now)
        sharing = await conversations.sharing(db, patient.organization_id, patient.phone_hash, patient_id)
    body = (typed or {}).get("body", "")
    return page(
        "careteam/conversation.html", person, status=error.status if error else 200, patient=patient, hours=hours,
        barred=barred, sharing=sharing, paused=paused, may_write=person.role in ANSWERING, typed=typed or {},
        token=_draft(typed or {}).token, problem=error.says if error else None, words=conversation_words,
        hints=write_text.health_words(body), cost=cost(f"{person.organization_name}: {body.strip()}") if body else None,
        most=write_text.MOST_SEGMENTS, **said,
    )  # fmt: skip


async def _lines(db: Db, patient: Patient, show: Show, before: datetime | None, now: datetime) -> dict[str, Any]:
    """Read from top to bottom as it was said; `earlier` is where the page before ends."""
    newest = await conversations.lines(db, patient.id, patient.phone_hash, show, before or now + AHEAD, PER_PAGE + 1)
    shown = newest[:PER_PAGE]
    earlier = shown[-1].at if len(newest) > PER_PAGE else None
    return {"lines": shown[::-1], "earlier": earlier, "show": show, "before": before}


handlers = [conversation_page, conversation_lines, write_to_patient, texts_about_gap]
