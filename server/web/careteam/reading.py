"""What patients read in parts and are asked, both languages side by side, with its source and who signed it off."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from server.errors import CareloopError, Conflict
from server.flows import sign_off
from server.flows.change_rule import APPROVING
from server.outreach import education, questionnaires
from server.security.guards import staff_only
from server.security.sessions import Person
from server.web.forms import typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]


@get("/rules/reading", guards=[staff_only], include_in_schema=False)
async def reading_page(request: Asked, person: NamedDependency[Person]) -> Template:
    return await _page(request, person)


async def _page(request: Asked, person: Person, *, error: CareloopError | None = None) -> Template:
    async with request.app.state.database.transaction(person.who) as db:
        series = await education.list_all(db)
        asked = await questionnaires.list_all(db)
    return page(
        "careteam/reading.html", person, status=error.status if error else 200, series=series, asked=asked,
        may_approve=person.role in APPROVING, problem=error.says if error else None,
    )  # fmt: skip


@post("/rules/reading/sign-off", guards=[staff_only], include_in_schema=False)
async def sign_off_reading(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    typed = await typed_in(request)
    series, version = typed.get("series", ""), typed.get("version", "")
    try:
        await sign_off.sign_off(
            request.app.state.database, person, series=series, version=version, now=datetime.now(UTC)
        )
    except Conflict as error:
        return await _page(request, person, error=error)
    return Redirect("/rules/reading", status_code=303)


handlers = [reading_page, sign_off_reading]
