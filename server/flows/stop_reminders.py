"""Somebody stops reminders, for a reason, or lets them go again; both at once, and audited."""

import uuid
from datetime import datetime
from typing import Final

from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound
from server.flows.answering import answering
from server.outreach import switches
from server.outreach.switches import Scope
from server.people import clinics
from server.security import audit
from server.security.sessions import Person, Role

MAY: Final[tuple[Role, ...]] = ("coordinator", "admin")
LONGEST: Final = 300


async def stop(database: Database, person: Person, scope: Scope, reason: str, now: datetime) -> uuid.UUID:
    """From now on they wait; what is too late when the switch ends is dropped, with that as its reason."""
    why = " ".join(reason.split())
    if not 0 < len(why) <= LONGEST:
        raise Invalid(f"Say why, in up to {LONGEST} characters: whoever looks at this page must understand it.")
    made = uuid7()
    async with answering(database, person, "stop_switch.begin", made, now) as db:
        if scope.clinic_id is not None and await clinics.get(db, scope.clinic_id) is None:
            raise NotFound("There is no such clinic here. Go back and choose one from the list.")
        if not await switches.stop(db, made, person.organization, scope, why, person.who.principal, now):
            raise Conflict("These reminders are stopped already. See above who stopped them, and why.")
        await _note(db, person, "stop_switch.begin", made, now, scope)
    return made


async def end(database: Database, person: Person, switch: uuid.UUID, now: datetime) -> None:
    """What waits and still makes sense goes out within a quarter of an hour, by day."""
    async with answering(database, person, "stop_switch.end", switch, now) as db:
        if not await switches.end(db, switch, person.who.principal, now):
            raise NotFound("This stop has ended already. Look at the page again.")
        await _note(db, person, "stop_switch.end", switch, now)


async def _note(
    db: Db, person: Person, action: str, switch: uuid.UUID, now: datetime, scope: Scope | None = None
) -> None:  # fmt: skip
    named = {"clinic": scope.clinic_id, "kind": scope.kind, "measure": scope.measure} if scope else {}
    detail = {name: str(value) for name, value in named.items() if value is not None}
    await audit.note(db, person.who, person.organization, action, f"stop_switch:{switch}", now, detail=detail)
