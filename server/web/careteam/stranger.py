"""What a number wrote that no patient has: read by a person, who finds out whose it is."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.errors import NotFound
from server.people import strangers
from server.security import audit
from server.security.guards import staff_only
from server.security.sessions import Person
from server.web.careteam import conversation_words
from server.web.pages import page

MOST: Final = 100
GONE: Final = "There is no such text. It may be another organization's: open the worklist again."


@get("/texts/{text_id:uuid}", guards=[staff_only], include_in_schema=False)
async def stranger_page(
    request: Request[Any, Any, State], person: NamedDependency[Person], text_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Once the number is a patient's, their conversation, which shows the same words."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        found = await strangers.writer(db, text_id)
        if found is None:
            raise NotFound(GONE)
        if found.patient_id is not None:
            return Redirect(f"/patients/{found.patient_id}/conversation", status_code=303)
        said = await strangers.lines(db, found.number_hash, MOST)
        await audit.note(db, person.who, person.organization, "stranger.view", f"reply:{text_id}", now)
    return page("careteam/stranger.html", person, number=found.number, lines=said, words=conversation_words)


handlers: list[Any] = [stranger_page]
