"""Judges everybody's measures and opens and closes their gaps, a page of patients at a time; then moot calls."""

import uuid
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Database, Who
from server.gaps import gaps
from server.outreach import calls_for_gaps


async def evaluate(database: Database, who: Who, now: datetime) -> int:
    """How many gaps opened or closed. Running it twice, or in two workers, changes nothing more."""
    changed, after = 0, uuid.UUID(int=0)
    while True:
        async with database.transaction(who) as db:
            patients = await gaps.page(db, after)
            if not patients:
                await calls_for_gaps.close_moot(db, who.principal, now)
                return changed
            found = await gaps.evaluate(db, patients, now)
            if found.opened or found.closed:
                await tell(db, Event(topic="gap"))
        changed, after = changed + found.opened + len(found.closed), patients[-1]
