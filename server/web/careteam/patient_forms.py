"""What one patient's pages of lists and forms share: look, change, and back to the list or to what was typed."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.response import Redirect, Template

from server.db.pool import Database
from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows.look import looking_at
from server.people.patients import Patient
from server.security.sessions import Person
from server.web.forms import Typed, typed_in

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, Patient, Typed, datetime], Awaitable[object]]


class Shows(Protocol):
    """The page, after an error with what was typed."""

    async def __call__(
        self, request: Asked, person: Person, patient_id: uuid.UUID, *,
        error: CareloopError | None = None, typed: Typed | None = None,
    ) -> Template: ...  # fmt: skip


class PatientPage(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the last part of the page's address, and `{name}.view` is how the audit calls a look at it."""

    name: str
    shows: Shows

    async def changed(
        self, request: Asked, person: Person, patient_id: uuid.UUID, change: Change
    ) -> Template | Redirect:
        """Back to the page; what could not be done is said above what they typed."""
        database, now = request.app.state.database, datetime.now(UTC)
        async with looking_at(database, person, patient_id, now, f"{self.name}.view") as (_, patient):
            typed = await typed_in(request)
        try:
            await change(database, person, patient, typed, now)
        except (Invalid, Conflict, NotFound) as error:
            return await self.shows(request, person, patient_id, error=error, typed=typed)
        return Redirect(f"/patients/{patient_id}/{self.name}", status_code=303)
