"""Who may come in: the person behind the cookie, found once per request, and their role."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from server.db.pool import Database
from server.errors import NotSignedIn, Refused
from server.security import audit, sessions
from server.security.sessions import NOBODY_YET, Person, Role

Connection = ASGIConnection[Any, Any, Any, Any]
ANSWERING: Final[tuple[Role, ...]] = ("nurse", "clinician", "coordinator")
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


async def provide_person(request: Connection) -> Person:
    """The dependency `person`; `NotSignedIn` when the cookie opens nothing."""
    person = await person_of(request)
    if person is None:
        raise NotSignedIn("Please sign in to go on.")
    return person


async def person_of(connection: Connection) -> Person | None:
    """Asked by guards, the dependency and error pages; the database is asked once per request."""
    state = connection.scope["state"]
    if "person" not in state:
        state["person"] = await _look_up(connection)
    return cast("Person | None", state["person"])


async def _look_up(connection: Connection) -> Person | None:
    token = connection.cookies.get(sessions.COOKIE)
    if not token:
        return None
    database: Database = connection.app.state.database
    async with database.transaction(NOBODY_YET) as db:
        return await sessions.find(db, token, datetime.now(UTC))


def allow(*roles: Role) -> Guard:
    """A guard for these roles; anybody else signed in is refused, and that is audited."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        person = await provide_person(connection)
        if person.role not in roles:
            await refuse(connection, person, "page.refused", connection.url.path)
            raise Refused("Your role does not open this page. Ask your clinic's administrator if you need it.")

    return guard


staff_only: Guard = allow("nurse", "clinician", "coordinator", "quality", "admin")
patient_only: Guard = allow("patient")
admin_only: Guard = allow("admin")
answers_alerts: Guard = allow(*ANSWERING)
answers_alarms: Guard = allow(*ANSWERING, "admin")


async def refuse(
    connection: Connection, person: Person, action: str, subject: str, patient: uuid.UUID | None = None
) -> None:
    """Write a refusal to the audit in its own transaction: the request's own is about to be undone."""
    database: Database = connection.app.state.database
    now = datetime.now(UTC)
    async with database.transaction(person.who) as db:
        await audit.note(db, person.who, person.organization, action, subject, now, patient=patient, allowed=False)
