"""On the administrator's page: who has left, who is back, and where their pages go."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database, Who
from server.errors import Conflict, Invalid
from server.flows import staff_changes
from server.security.guards import admin_only
from server.security.sessions import Person
from server.web.admin.overview import Asked, shown
from server.web.forms import typed_in

Change = Callable[[Database, Who, uuid.UUID, datetime], Awaitable[object]]


@post("/admin/staff/{staff_id:uuid}/leave", guards=[admin_only], include_in_schema=False)
async def leave(
    request: Asked, person: NamedDependency[Person], staff_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    return await _changed(request, person, staff_id, staff_changes.leave)


@post("/admin/staff/{staff_id:uuid}/return", guards=[admin_only], include_in_schema=False)
async def come_back(
    request: Asked, person: NamedDependency[Person], staff_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    return await _changed(request, person, staff_id, staff_changes.come_back)


@post("/admin/staff/{staff_id:uuid}/phone", guards=[admin_only], include_in_schema=False)
async def change_phone(
    request: Asked, person: NamedDependency[Person], staff_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    phone = (await typed_in(request)).get("phone")

    async def change(database: Database, who: Who, staff: uuid.UUID, now: datetime) -> None:
        if phone is None:
            raise Invalid("Type the number, or leave its field empty when there is none.")
        await staff_changes.change_phone(database, who, staff, phone.strip() or None, now)

    return await _changed(request, person, staff_id, change, phone)


async def _changed(
    request: Asked, person: Person, staff_id: uuid.UUID, change: Change, phone: str | None = None
) -> Template | Redirect:
    """Back to the list, which says what is to mend; what could not be done is said above what they typed."""
    try:
        await change(request.app.state.database, person.who, staff_id, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        typed = {} if phone is None else {str(staff_id): phone}
        return await shown(request, person, error=error, typed=typed)
    return Redirect("/admin#staff-title", status_code=303)


handlers = [leave, come_back, change_phone]
