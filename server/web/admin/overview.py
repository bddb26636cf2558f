"""The administrator's page: devices with their accounts, what waits for a person, staff, and the state."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Template

from server.auditing import runs
from server.monitoring import fleet
from server.people import accounts, organizations, staff
from server.security import audit
from server.security.guards import admin_only
from server.security.sessions import Person
from server.web.pages import page


@get("/admin", guards=[admin_only], include_in_schema=False)
async def overview(request: Request[Any, Any, State], person: NamedDependency[Person]) -> Template:
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        await audit.note(db, person.who, person.organization, "admin.view", "admin", now)
        found: dict[str, Any] = {
            "organization": await organizations.get(db, person.organization),
            "devices": await fleet.devices(db, now),
            "held": await fleet.held(db),
            "quarantine": await fleet.quarantine(db),
            "runs": await runs.latest(db, 5),
            "staff": await staff.list_all(db),
            "logins": {one.staff_id: one.login for one in await accounts.logins(db) if one.staff_id},
        }
    return page("admin/overview.html", person, **found)


handlers = [overview]
