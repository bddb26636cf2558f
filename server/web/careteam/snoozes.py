"""Who laid which alert aside, why and until when; whoever disagrees wakes it."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from server.flows import snooze as flow
from server.monitoring import snoozes
from server.monitoring.snoozes import Reason
from server.security import audit
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.careteam.worklist import Answered, Back, answered
from server.web.pages import page

Asked = Request[Any, Any, State]


class Asleep(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields; all of a form comes as text. What was left out is asked for by the flow."""

    hours: Literal["4", "24", "72"] = "24"
    reason: Reason | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    back: Back = "worklist"


@get("/snoozes", guards=[staff_only], include_in_schema=False)
async def snoozes_page(request: Asked, person: NamedDependency[Person]) -> Template:
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        listed = await snoozes.listed(db, now)
        seen = {"patients": sorted({str(one.patient_id) for one in listed})}
        await audit.note(db, person.who, person.organization, "snoozes.view", "snoozes", now, detail=seen)
    standing = [one for one in listed if one.ended_at is None]
    over = [one for one in reversed(listed) if one.ended_at is not None]
    return page(
        "careteam/snoozes.html", person, standing=standing, over=over, may_answer=person.role in ANSWERING
    )  # fmt: skip


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/snooze", guards=[answers_alerts], include_in_schema=False)
async def snooze(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Asleep],
) -> Template | Redirect:
    answer = flow.snooze(
        request.app.state.database, person, patient_id, alert_id, hours=int(data.hours), reason=data.reason,
        note=data.note, now=datetime.now(UTC),
    )  # fmt: skip
    return await answered(request, person, answer, data.back, patient_id, alert_id)


@post("/alerts/{patient_id:uuid}/{alert_id:uuid}/wake", guards=[answers_alerts], include_in_schema=False)
async def wake(
    request: Asked,
    person: NamedDependency[Person],
    patient_id: FromPath[uuid.UUID],
    alert_id: FromPath[uuid.UUID],
    data: URLEncodedBody[Answered],
) -> Template | Redirect:
    answer = flow.wake(request.app.state.database, person, patient_id, alert_id, datetime.now(UTC))
    return await answered(request, person, answer, data.back, patient_id, alert_id)


handlers = [snoozes_page, snooze, wake]
