"""The quality manager begins an experiment, or ends it; both are audited, and nobody chooses who is left alone."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from server.db.pool import Database
from server.errors import Conflict, Invalid, NotFound, Refused
from server.gaps import experiments
from server.gaps.gaps import MEASURES
from server.security import audit
from server.security.sessions import Person, Role

MAY: Final[tuple[Role, ...]] = ("quality", "coordinator", "admin")
PERCENT = range(5, 51)
DAYS = range(14, 367)


async def begin(
    database: Database, person: Person, measure: str, percent: int, days: int, now: datetime
) -> uuid.UUID:  # fmt: skip
    """From today on so many percent are not texted for this measure."""
    if measure not in MEASURES:
        raise Invalid("Choose a measure from the list.")
    if percent not in PERCENT or days not in DAYS:
        raise Invalid("Leave 5 to 50 percent alone, for 14 to 366 days.")
    async with database.transaction(person.who) as db:
        made = await experiments.begin(
            db, person.organization, measure, percent, now.date(), now.date() + timedelta(days=days),
            person.who.principal, now,
        )  # fmt: skip
        if made is None:
            raise Conflict("An experiment of this measure runs already. End it first.")
        await audit.note(
            db, person.who, person.organization, "experiment.begin", f"experiment:{made}", now,
            detail={"measure": measure, "percent": percent},
        )  # fmt: skip
    return made


async def stop(database: Database, person: Person, experiment: uuid.UUID, now: datetime) -> None:
    """Everybody is texted again; what was found so far stays. Who may not learns nothing of whether there is one."""
    async with database.transaction(person.who) as db:
        if not await experiments.stop(db, experiment, now):
            raise NotFound("There is no such experiment, or it is over already.")
        if person.role not in MAY:
            raise Refused("The quality manager, a coordinator or the administrator ends an experiment.")
        await audit.note(db, person.who, person.organization, "experiment.stop", f"experiment:{experiment}", now)
