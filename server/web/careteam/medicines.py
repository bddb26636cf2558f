"""A patient's medicines: what they take, what was dispensed, and how much of the time they had it at hand."""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, get_args
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database
from server.errors import CareloopError, Conflict, Invalid
from server.flows import prescribe
from server.flows.look import looking_at
from server.gaps import adherence
from server.gaps.adherence import MEASURED, AdherenceClass, Fill, Pdc, TooFew
from server.people import medicines
from server.people.medicines import NewMedicine, Stock
from server.people.patients import Patient
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.careteam.patient_forms import Asked, PatientPage
from server.web.forms import Typed
from server.web.pages import page

CLASSES: Final[Mapping[AdherenceClass, str]] = {
    "other": "none of these",
    "renin_angiotensin": "blood pressure (renin-angiotensin)",
    "statin": "statin",
    "diabetes": "diabetes, not insulin",
    "insulin": "insulin",
    "sacubitril_valsartan": "sacubitril/valsartan",
}

CAN_TAKE_BACK: Final = timedelta(days=30)  # what was entered in error is noticed soon


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """One class of medicines this year: a number, or why there is none."""

    name: str
    pdc: Pdc | TooFew

    @property
    def percent(self) -> int | None:
        return int(100 * self.pdc.share) if isinstance(self.pdc, Pdc) else None


@get("/patients/{patient_id:uuid}/medicines", guards=[staff_only], include_in_schema=False)
async def medicines_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    return await _page(request, person, patient_id)


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "medicines.view") as (db, patient):
        taken = await medicines.of(db, patient_id)
        today = now.astimezone(ZoneInfo(patient.zone)).date()
        year = date(today.year, 1, 1), date(today.year, 12, 31)
        dispensed = await medicines.fills(db, patient_id, *year)
        entered = await medicines.entered(db, patient_id, now - CAN_TAKE_BACK)
    return page(
        "careteam/medicines.html", person, status=error.status if error else 200, patient=patient, taken=taken,
        covered=_covered(dispensed, year[1], today), classes=CLASSES, typed=typed or {}, today=today,
        may_change=person.role in ANSWERING, problem=error.says if error else None, entered=entered,
    )  # fmt: skip


def _covered(dispensed: Mapping[AdherenceClass, list[Fill]], year_end: date, today: date) -> list[Covered]:
    return [
        Covered(name=CLASSES[one], pdc=adherence.pdc(dispensed[one], year_end, today))
        for one in MEASURED
        if adherence.counts_for(one, dispensed.keys())
    ]


@post("/patients/{patient_id:uuid}/medicines", guards=[answers_alerts], include_in_schema=False)
async def add_medicine(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _add)


@post("/patients/{patient_id:uuid}/medicines/stop", guards=[answers_alerts], include_in_schema=False)
async def stop_medicine(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _stop)


@post("/patients/{patient_id:uuid}/medicines/dispensed", guards=[answers_alerts], include_in_schema=False)
async def dispensed_medicine(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _dispense)


@post("/patients/{patient_id:uuid}/medicines/withdraw", guards=[answers_alerts], include_in_schema=False)
async def withdraw_fill(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _withdraw)


@post("/patients/{patient_id:uuid}/medicines/stock", guards=[answers_alerts], include_in_schema=False)
async def count_medicine(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _count)


async def _add(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> object:
    name = typed.get("name", "").strip()
    if not 0 < len(name) <= 200:
        raise Invalid("Give the medicine's name and strength, for example Lisinopril 10 mg.")
    group = typed.get("class", "other")
    if group not in get_args(AdherenceClass):
        raise Invalid("Choose what kind of medicine it is from the list.")
    times = prescribe.times_of(typed.get("times", ""))
    every = _every(typed.get("every_hours", "").strip())
    if times and every:
        raise Invalid("Give times or an interval, not both.")
    starts_on, ends_on = _day(typed, "starts_on") or now.date(), _day(typed, "ends_on")
    if ends_on is not None and ends_on < starts_on:
        raise Invalid("The last day lies before the first. Change one of them.")
    new = NewMedicine(
        name=name, starts_on=starts_on, ends_on=ends_on, at_times=times, every_hours=every,
        first_dose_at=now if every else None, as_needed=not (times or every),
        adherence_class=msgspec.convert(group, AdherenceClass),
    )  # fmt: skip
    return await prescribe.prescribe(database, person.who, patient.mrn, new, now)


async def _stop(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    await prescribe.stop(database, person.who, patient.mrn, typed.get("name", ""), now)


async def _dispense(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    filled_on, days = _day(typed, "filled_on"), typed.get("days_supply", "")
    if filled_on is None or not days.isdecimal() or not 1 <= int(days) <= 365:
        raise Invalid("Give the day it was filled, and for how many days it lasts (1 to 365).")
    if filled_on > now.date():
        raise Invalid("A fill lies in the past. Choose the day it was handed out.")
    fill = Fill(filled_on, int(days))
    if not await prescribe.dispense(database, person.who, patient.mrn, typed.get("name", ""), fill, now):
        raise Conflict("This fill is known already. Nothing was changed.")


async def _withdraw(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    try:
        fill = uuid.UUID(typed.get("fill", ""))
    except ValueError:
        raise Invalid("Choose a fill from the list.") from None
    await prescribe.withdraw(database, person.who, patient.mrn, fill, now)


def _every(text: str) -> int | None:
    if text and not (text.isdecimal() and 1 <= int(text) <= 168):
        raise Invalid("An interval is a whole number of hours, from 1 to 168 (a week).")
    return int(text) if text else None


async def _count(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    on, doses = _day(typed, "counted_on"), typed.get("doses", "")
    if on is None or not doses.isdecimal() or int(doses) > prescribe.MOST_DOSES:
        raise Invalid("Give how many doses are left, and the day they were counted.")
    if on > now.date():
        raise Invalid("A count lies in the past. Choose the day the doses were counted.")
    if not await prescribe.count(database, person.who, patient.mrn, typed.get("name", ""), Stock(int(doses), on), now):
        raise Conflict("This count, or a later one, is known already. Nothing was changed.")


def _day(typed: Typed, name: str) -> date | None:
    try:
        return date.fromisoformat(typed[name]) if typed.get(name) else None
    except ValueError:
        raise Invalid("Choose the day from the calendar.") from None


HERE: Final = PatientPage(name="medicines", shows=_page)
handlers = [medicines_page, add_medicine, stop_medicine, dispensed_medicine, withdraw_fill, count_medicine]
