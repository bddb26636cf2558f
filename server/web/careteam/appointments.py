"""A patient's appointments: booked by staff on the patient's clock; what became of each can be taken back."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database
from server.errors import CareloopError, Invalid, NotFound
from server.flows import book
from server.flows.book import Wanted
from server.flows.look import looking_at
from server.outreach import appointments
from server.outreach.appointments import STATUSES, Appointment, Status
from server.people.patients import Patient
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.careteam.patient_forms import Asked, PatientPage
from server.web.forms import Typed
from server.web.pages import page
from server.web.shown import MEASURES

SHOWN: Final = 100
SAYS: Final[Mapping[Status, str]] = {
    "booked": "Booked",
    "cancelled": "Cancelled",
    "fulfilled": "The patient came",
    "noshow": "The patient did not come",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`when` is on the patient's clock."""

    one: Appointment
    when: str


@get("/patients/{patient_id:uuid}/appointments", guards=[staff_only], include_in_schema=False)
async def appointments_page(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template:
    return await _page(request, person, patient_id)


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "appointments.view") as (db, patient):
        found = await appointments.of_patient(db, patient_id, SHOWN)
        due = await appointments.measures(db, patient_id)
    lines = [Line(one=one, when=when(one.starts_at, patient.zone)) for one in found]
    booked = [line for line in lines if line.one.status == "booked"]
    return page(
        "careteam/appointments.html", person, status=error.status if error else 200, patient=patient, says=SAYS,
        ahead=[line for line in reversed(booked) if line.one.starts_at > now],
        unsaid=[line for line in booked if line.one.starts_at <= now],
        before=[line for line in lines if line.one.status != "booked"], shown=SHOWN, full=len(found) == SHOWN,
        choices={code: MEASURES.get(code, code) for code in due}, today=now.astimezone(ZoneInfo(patient.zone)).date(),
        typed=typed or {}, may_change=person.role in ANSWERING, problem=error.says if error else None,
    )  # fmt: skip


def when(at: datetime, zone: str) -> str:
    """ "Tue, Dec 1, 2026, 10:30"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a, %b} {local.day}, {local:%Y, %H:%M}"


@post("/patients/{patient_id:uuid}/appointments", guards=[answers_alerts], include_in_schema=False)
async def book_appointment(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _book)


@post("/patients/{patient_id:uuid}/appointments/change", guards=[answers_alerts], include_in_schema=False)
async def change_appointment(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Cancelled, kept, missed, or booked again."""
    return await HERE.changed(request, person, patient_id, _change)


async def _book(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> object:
    wanted = Wanted(day=typed.get("day", ""), at=typed.get("at", ""), measure=typed.get("measure") or None)
    return await book.book(database, person.who, patient, wanted, now)


async def _change(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    was, to = typed.get("was"), typed.get("to")
    if was not in STATUSES or to not in STATUSES:
        raise Invalid("Choose what became of the appointment.")
    try:
        appointment = uuid.UUID(typed.get("appointment", ""))
    except ValueError:
        raise NotFound(book.GONE) from None
    await book.change(database, person.who, patient.id, appointment, was, to, now)


HERE: Final = PatientPage(name="appointments", shows=_page)
handlers = [appointments_page, book_appointment, change_appointment]
