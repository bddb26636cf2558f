"""A later reading is within limits: somebody lowers the high alert to medium, or takes that back."""

import uuid
from datetime import datetime

from server.db.pool import Database, Db
from server.errors import Conflict, NotFound
from server.flows.acknowledge import GONE
from server.flows.answering import answering
from server.flows.deeds import record, staff_of
from server.monitoring import how_far, lowerings
from server.security.sessions import Person

NO_READING = "No later reading clearly within limits stands beside this alert, so it stays as it is."
NOT_LOWERED = "This alert is not lowered any more."


async def lower(database: Database, person: Person, patient: uuid.UUID, alert: uuid.UUID, now: datetime) -> None:
    """High becomes medium, its pages those of a medium. It stays open or taken: only an outcome closes it."""
    async with answering(database, person, "alert.lower", alert, now) as db:
        reading = await lowerings.lower(db, patient, alert, staff_of(person), now)
        if reading is None:
            await _refuse(db, patient, alert, NO_READING)
        else:
            detail = {"reading": str(reading.reading_id), "from": "high", "to": "medium"}
            await record(db, person, "alert.lower", patient, alert, now, detail)


async def raise_again(database: Database, person: Person, patient: uuid.UUID, alert: uuid.UUID, now: datetime) -> None:
    """The undo: high again, and unless somebody has it, paged from the beginning."""
    async with answering(database, person, "alert.raise", alert, now) as db:
        if not await lowerings.raise_again(db, patient, alert, staff_of(person), now):
            await _refuse(db, patient, alert, NOT_LOWERED)
        await record(db, person, "alert.raise", patient, alert, now, {"from": "medium", "to": "high"})


async def _refuse(db: Db, patient: uuid.UUID, alert: uuid.UUID, says: str) -> None:
    standing = await how_far.of_alert(db, patient, alert)
    if standing is None:
        raise NotFound(GONE)
    raise Conflict(standing.says() if standing.status == "resolved" else says)
