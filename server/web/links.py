"""A link from a text: first sign in, then it leads on; to anybody else it says nothing."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Redirect

from server.people import short_links
from server.security.guards import person_of
from server.web.sign_in import home


@get("/l/{token:str}", include_in_schema=False)
async def follow(request: Request[Any, Any, State], token: FromPath[str]) -> Redirect:
    """Whoever is not signed in gets the same answer for every token, known or not."""
    person = await person_of(request)
    if person is None:
        return Redirect(f"/sign-in?next={quote(f'/l/{token}')}", status_code=303)
    if person.patient_id is None:
        return Redirect(home(person), status_code=303)
    async with request.app.state.database.transaction(person.who) as db:
        leads_to = await short_links.use(db, person.patient_id, token, datetime.now(UTC))
    return Redirect(leads_to or home(person), status_code=303)


handlers = [follow]
