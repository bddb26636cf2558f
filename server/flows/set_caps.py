"""An organization decides how many reminders one of its patients gets at most; audited."""

from datetime import datetime

import msgspec

from server.db.pool import Database
from server.errors import Conflict, Invalid
from server.flows.answering import answering
from server.outreach import caps
from server.outreach.caps import A_DAY, A_WEEK, Caps
from server.security import audit
from server.security.sessions import Person


async def set_caps(database: Database, person: Person, wanted: Caps, now: datetime) -> None:
    """From the next reminder on."""
    if wanted.a_day not in A_DAY or wanted.a_week not in A_WEEK:
        raise Invalid("Choose 1 to 20 reminders a day, and 1 to 100 in seven days.")
    if wanted.a_week < wanted.a_day:
        raise Invalid("In seven days there cannot be fewer than on one of them.")
    async with answering(database, person, "reminder_caps.set", person.organization, now) as db:
        if not await caps.put(db, person.organization, wanted):
            raise Conflict("These are the numbers already. Nothing was changed.")
        subject = f"organization:{person.organization}"
        detail = msgspec.structs.asdict(wanted)
        await audit.note(db, person.who, person.organization, "reminder_caps.set", subject, now, detail=detail)
