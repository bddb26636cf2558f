"""The administrator's page: devices with their accounts, what waits for a person, staff, and the state."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Template

from server.auditing import runs
from server.db.pool import Db
from server.errors import CareloopError
from server.monitoring import fleet
from server.people import accounts, duties, organizations, staff
from server.security import audit
from server.security.guards import admin_only
from server.security.sessions import Person
from server.web.forms import Typed
from server.web.pages import page

Asked = Request[Any, Any, State]


@get("/admin", guards=[admin_only], include_in_schema=False)
async def overview(request: Asked, person: NamedDependency[Person]) -> Template:
    return await shown(request, person)


async def shown(
    request: Asked, person: Person, *, error: CareloopError | None = None, typed: Typed | None = None
) -> Template:
    """The page; after an error with what was wrong and the telephone as it was typed, `{staff id: number}`."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        await audit.note(db, person.who, person.organization, "admin.view", "admin", now)
        found: dict[str, Any] = {
            "organization": await organizations.get(db, person.organization),
            "devices": await fleet.devices(db, now),
            "held": await fleet.held(db),
            "quarantine": await fleet.quarantine(db),
            "runs": await runs.latest(db, 5),
            **await _staff(db, now),
        }
    status, problem = (error.status, error.says) if error else (200, None)
    return page("admin/overview.html", person, status=status, problem=problem, typed=typed or {}, **found)


async def _staff(db: Db, now: datetime) -> dict[str, Any]:
    """Who works here first; what teams count on each for."""
    people = sorted(await staff.list_all(db), key=lambda one: one.disabled_at is not None)
    counted_on = await duties.listed(db, now)
    return {
        "staff": people,
        "logins": {one.staff_id: one.login for one in await accounts.logins(db) if one.staff_id},
        "duties": {one.id: [duty.says for duty in counted_on if duty.staff_id == one.id] for one in people},
    }


handlers = [overview]
