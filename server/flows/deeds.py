"""What a staff member did to one alert: whose deed it is, its note in the audit, and the worklists told of it."""

import uuid
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Db
from server.errors import Refused
from server.flows.answering import subject_of
from server.security import audit
from server.security.sessions import Person


def staff_of(person: Person) -> uuid.UUID:
    """`Refused` for a patient: alerts are the care team's."""
    if person.staff_id is None:
        raise Refused("Alerts are answered by the care team.")
    return person.staff_id


async def record(
    db: Db, person: Person, action: str, patient: uuid.UUID, alert: uuid.UUID, now: datetime,
    detail: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """In the transaction of the deed itself; `detail` carries ids and codes only."""
    subject = subject_of(action, alert)
    await audit.note(db, person.who, person.organization, action, subject, now, patient=patient, detail=detail)
    await tell(db, Event(topic="worklist", organization=person.organization, patient=patient))
