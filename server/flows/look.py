"""A look at one patient's data: allowed or refused, it is noted."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from server.db.pool import Database, Db
from server.errors import NotFound
from server.people import patients
from server.people.patients import Patient
from server.security import audit
from server.security.sessions import Person

NO_PATIENT = "There is no such patient here. Search by name or record number."


@asynccontextmanager
async def looking_at(
    database: Database, person: Person, patient_id: uuid.UUID, now: datetime, action: str = "patient.view"
) -> AsyncIterator[tuple[Db, Patient]]:
    """The patient, in a transaction that also notes the look; `NotFound` for another organization's."""
    subject = f"patient:{patient_id}"
    try:
        async with database.transaction(person.who) as db:
            found = await patients.get(db, patient_id)
            if found is None:
                raise NotFound(NO_PATIENT)
            await audit.note(db, person.who, person.organization, action, subject, now, patient=patient_id)
            yield db, found
    except NotFound:
        async with database.transaction(person.who) as db:
            await audit.note(db, person.who, person.organization, action, subject, now, allowed=False)
        raise
