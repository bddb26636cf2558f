"""One look of a patient at their own portal: who looks, in which words, and that it was written to the audit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request
from litestar.response import Template

from server.db.pool import Database, Db
from server.errors import NotFound
from server.people import clinics, patients
from server.people.clinics import Clinic
from server.people.patients import Patient
from server.security import audit
from server.security.sessions import Person
from server.web.pages import page
from server.web.portal.closed import refuse_after_death
from server.web.portal.words import LANGUAGES, Words, phone, words

Asked = Request[Any, Any, Any]

# After a form was sent the next page says one of these; nothing else from the address is ever shown.
SAYINGS = frozenset(
    {
        "reported", "withdrawn", "language", "texts_on", "texts_off", "unchanged", "hours", "hours_wrong", "answered",
        "read", "unread",
    }
)  # fmt: skip


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What every page of the portal needs."""

    db: Any
    person: Person
    patient: Patient
    clinic: Clinic | None
    words: Words
    now: datetime

    @property
    def today(self) -> Any:
        """The patient's local date."""
        return self.words.local_day(self.now)

    async def note(self, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
        """A line in the audit, in this transaction."""
        person = self.person
        await audit.note(
            self.db,
            person.who,
            person.organization,
            action,
            subject,
            self.now,
            patient=self.patient.id,
            detail=detail,
        )


@asynccontextmanager
async def visiting(request: Asked, person: Person) -> AsyncIterator[Visit]:
    """A transaction in which the database shows this one patient and hides all others."""
    database: Database = request.app.state.database
    if person.patient_id is None:
        raise NotFound("There is no patient's page for this account.")
    async with database.transaction(person.who) as db:
        yield await _open(db, person, datetime.now(UTC))


async def _open(db: Db, person: Person, now: datetime) -> Visit:
    patient = await patients.get(db, person.patient_id) if person.patient_id else None
    if patient is None:
        raise NotFound("There is no patient's page for this account.")
    clinic = await clinics.get(db, patient.clinic_id)
    refuse_after_death(patient, clinic)
    return Visit(
        db=db,
        person=person,
        patient=patient,
        clinic=clinic,
        words=words(patient.language, patient.zone),
        now=now,
    )


def show(name: str, visit: Visit, said: str | None = None, **context: Any) -> Template:
    """Render a page of the portal with what its frame needs."""
    words, clinic = visit.words, visit.clinic
    return page(
        f"portal/{name}.html",
        visit.person,
        language=words.language,
        languages=LANGUAGES,
        say=words,
        here=name,
        patient=visit.patient,
        clinic=clinic,
        clinic_phone=phone(clinic.phone) if clinic and clinic.phone else None,
        said=words(f"said.{said}") if said in SAYINGS else None,
        **context,
    )
