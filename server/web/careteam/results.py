"""A patient's results of screenings and vaccinations: what staff enter closes gaps, and can be taken back."""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database
from server.errors import CareloopError, Conflict, Invalid
from server.flows import record_evidence as flow
from server.flows.look import looking_at
from server.flows.record_evidence import Given
from server.gaps import evidence
from server.gaps.gaps import MEASURES
from server.people.patients import Patient
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.careteam.patient_forms import Asked, PatientPage
from server.web.forms import Typed
from server.web.pages import page

SHOWN: Final = 200
KINDS: Final[Mapping[str, str]] = {
    "mammogram": "Mammogram",
    "mastectomy_bilateral": "Both breasts removed: not asked any more",
    "fobt": "Stool test for blood (FOBT or FIT)",
    "stool_dna": "Stool DNA test with FIT",
    "sigmoidoscopy": "Flexible sigmoidoscopy",
    "ct_colonography": "CT colonography",
    "colonoscopy": "Colonoscopy",
    "colectomy_total": "Colon removed: not asked any more",
    "colorectal_cancer": "Colorectal cancer: not asked any more",
    "influenza_vaccination": "Influenza vaccination",
    "influenza_vaccine_anaphylaxis": "Anaphylaxis after an influenza vaccine: not asked any more",
}


@get("/patients/{patient_id:uuid}/results", guards=[staff_only], include_in_schema=False)
async def results_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    return await _page(request, person, patient_id)


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "results.view") as (db, patient):
        found = await evidence.of_patient(db, patient_id, SHOWN)
    return page(
        "careteam/results.html", person, status=error.status if error else 200, patient=patient, kinds=KINDS,
        found=[one for one in found if one.withdrawn_at is None], wrong=[one for one in found if one.withdrawn_at],
        groups={code: measure.kinds for code, measure in MEASURES.items()}, full=len(found) == SHOWN, shown=SHOWN,
        today=now.astimezone(ZoneInfo(patient.zone)).date(), typed=typed or {}, may_change=person.role in ANSWERING,
        problem=error.says if error else None,
    )  # fmt: skip


@post("/patients/{patient_id:uuid}/results", guards=[answers_alerts], include_in_schema=False)
async def enter_result(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _enter)


@post("/patients/{patient_id:uuid}/results/withdraw", guards=[answers_alerts], include_in_schema=False)
async def withdraw_result(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    return await HERE.changed(request, person, patient_id, _withdraw)


async def _enter(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    if typed.get("kind") not in KINDS:
        raise Invalid("Choose what was done from the list.")
    try:
        done_on = date.fromisoformat(typed.get("done_on", ""))
    except ValueError:
        raise Invalid("Choose the day it was done from the calendar.") from None
    given = Given(mrn=patient.mrn, kind=typed["kind"], done_on=done_on, source=typed.get("source", ""))
    await flow.record_evidence(database, person.who, given, now)


async def _withdraw(database: Database, person: Person, patient: Patient, typed: Typed, now: datetime) -> None:
    try:
        wrong = uuid.UUID(typed.get("result", ""))
    except ValueError:
        raise Conflict(flow.GONE) from None
    await flow.withdraw(database, person.who, patient.id, wrong, now)


HERE: Final = PatientPage(name="results", shows=_page)
handlers = [results_page, enter_result, withdraw_result]
