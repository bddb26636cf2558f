"""One click ends our e-mails to an address: from the mail program itself (RFC 8058), or with a button; no sign-in."""

import uuid
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Template
from litestar.status_codes import HTTP_200_OK

from server.db.pool import Database, Who
from server.flows import leave_emails
from server.web.pages import page

Asked = Request[Any, Any, State]
WHOSE = "SELECT door_attempt($1)"


@get("/unsubscribe/{attempt:uuid}", include_in_schema=False)
async def ask(attempt: FromPath[uuid.UUID]) -> Template:
    """A button: mail programs open addresses by themselves, so looking ends nothing."""
    return page("unsubscribe.html", None, attempt=attempt, done=False)


@post("/unsubscribe/{attempt:uuid}", status_code=HTTP_200_OK, include_in_schema=False)
async def leave(request: Asked, attempt: FromPath[uuid.UUID]) -> Template:
    """The same answer whoever's letter it was, so that nobody learns which there are."""
    database: Database = request.app.state.database
    who = Who(principal="service:unsubscribe")
    async with database.transaction(who) as db:
        organization: uuid.UUID | None = await db.fetchval(WHOSE, attempt)
    if organization is not None:
        ours = Who(principal=who.principal, organization=organization)
        await leave_emails.leave(database, ours, organization, attempt, datetime.now(UTC))
    return page("unsubscribe.html", None, attempt=attempt, done=True)


handlers = [ask, leave]
