"""Somebody changes how a rule reminds: its hour, how long it makes sense, its rank, on or off; audited."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Database
from server.errors import Conflict, Invalid, NotFound
from server.flows.answering import answering
from server.outreach import reminder_rules
from server.outreach.reminder_rules import Wanted
from server.security import audit
from server.security.sessions import Person


async def change_rule(database: Database, person: Person, rule: uuid.UUID, wanted: Wanted, now: datetime) -> None:
    """For slots that are planned from now on; a rule that is switched off drops what it has planned."""
    if not (wanted.local_hour in range(24) and wanted.lasts_hours in range(1, 169) and wanted.priority in range(10)):
        raise Invalid("Choose an hour of the day, 1 to 168 hours that it makes sense, and a priority from 0 to 9.")
    async with answering(database, person, "reminder_rule.change", rule, now) as db:
        was = await reminder_rules.lock(db, rule)
        if was is None:
            raise NotFound("There is no such reminder here. Go back and look again.")
        if was == wanted:
            raise Conflict("It is so already. Nothing was changed.")
        await reminder_rules.change(db, rule, wanted)
        detail = {"was": msgspec.structs.asdict(was), "now": msgspec.structs.asdict(wanted)}
        subject = f"reminder_rule:{rule}"
        await audit.note(db, person.who, person.organization, "reminder_rule.change", subject, now, detail=detail)
