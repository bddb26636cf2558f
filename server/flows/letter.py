"""A letter went to a patient whom nothing else reaches: their task is closed with it, and can be reopened there."""

import uuid
from datetime import datetime

from server.db.pool import Database, Db
from server.flows.by_way import SAYS
from server.outreach import tasks
from server.security import audit
from server.security.sessions import Person

KIND = "unreachable"
LAST = "SELECT max(closed_at) FROM task WHERE patient_id = $1 AND outcome = 'letter_sent'"
OPEN = "SELECT id FROM task WHERE organization_id = $1 AND kind = $2 AND subject = $3 AND closed_at IS NULL"


async def last_sent(db: Db, patient: uuid.UUID) -> datetime | None:
    found: datetime | None = await db.fetchval(LAST, patient)
    return found


async def sent(database: Database, person: Person, patient: uuid.UUID, now: datetime) -> None:
    """Where nobody had asked for it a task is opened and closed, so that every letter is known the same way."""
    organization, subject = person.organization, f"patient:{patient}"
    async with database.transaction(person.who) as db:
        await tasks.open_task(
            db, organization=organization, kind=KIND, subject=subject, says=SAYS, now=now, patient=patient
        )
        task = await db.fetchval(OPEN, organization, KIND, subject)
        if task is not None and await tasks.close(db, task, person.principal, "letter_sent", "", now):
            await audit.note(db, person.who, organization, "letter.sent", f"task:{task}", now, patient=patient)
