"""Staff heard otherwise: a gap that its patient did not want to hear of may be texted about again."""

import uuid
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Database
from server.errors import NotFound
from server.flows.answering import answering
from server.gaps import wishes
from server.security import audit
from server.security.sessions import Person

GONE = "There is no such pause, or somebody ended it already. Look at the conversation again."


async def text_again(database: Database, person: Person, patient: uuid.UUID, gap: uuid.UUID, now: datetime) -> None:
    """`NotFound` when nothing holds texts about it back, and for what belongs to another organization."""
    async with answering(database, person, "gap.text_again", gap, now) as db:
        if not await wishes.texts_again(db, patient, gap):
            raise NotFound(GONE)
        await audit.note(db, person.who, person.organization, "gap.text_again", f"gap:{gap}", now, patient=patient)
        await tell(db, Event(topic="patient", organization=person.organization, patient=patient))
