"""A letter in large print for who cannot be reached otherwise: in their language, without a word about their health."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.flows import letter
from server.flows.look import looking_at
from server.people import clinics
from server.people.patients import Language
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.web.pages import page
from server.web.portal.words import phone, words

Asked = Request[Any, Any, State]


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The letter; `{name}`, `{clinic}` and `{phone}` are filled in."""

    greeting: str
    lines: tuple[str, ...]
    emergency: str
    closing: str


LETTERS: Final[dict[Language, Words]] = {
    "en": Words(
        greeting="Dear {name},",
        lines=(
            "We have not been able to reach you by telephone.",
            "Please call us at {phone}. We would like to ask how we can reach you.",
            "If you have a new number, tell us, or have somebody you trust tell us for you.",
        ),
        emergency="In an emergency do not call us: call 911.",
        closing="Your care team at {clinic}",
    ),
    "es": Words(
        greeting="Estimado/a {name}:",
        lines=(
            "No hemos podido comunicarnos con usted por teléfono.",
            "Por favor llámenos al {phone}. Queremos preguntarle cómo podemos comunicarnos con usted.",
            "Si tiene un número nuevo, díganoslo, o pida a alguien de su confianza que nos lo diga.",
        ),
        emergency="En una emergencia no nos llame a nosotros: llame al 911.",
        closing="Su equipo de salud en {clinic}",
    ),
}


@get("/patients/{patient_id:uuid}/letter", guards=[staff_only], include_in_schema=False)
async def letter_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    """Shown as it is printed; the address is written by hand or a label, for we keep none."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "letter.view") as (db, patient):
        clinic = await clinics.get(db, patient.clinic_id)
        sent = await letter.last_sent(db, patient_id)
    said, spoken = LETTERS[patient.language], words(patient.language, patient.zone)
    fill = {
        "name": patient.name, "clinic": clinic.name if clinic else person.organization_name,
        "phone": phone(clinic.phone) if clinic and clinic.phone else "____________________",
    }  # fmt: skip
    return page(
        "careteam/letter.html", person, patient=patient, fill=fill, said=said,
        day=spoken.full_date(now.astimezone(ZoneInfo(patient.zone)).date()), sent=sent,
        may_change=person.role in ANSWERING,
    )  # fmt: skip


@post("/patients/{patient_id:uuid}/letter", guards=[answers_alerts], include_in_schema=False)
async def letter_sent(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Redirect:
    """It is in the post: noted, and the task that asked for it is done."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "letter.view"):
        pass
    await letter.sent(request.app.state.database, person, patient_id, now)
    return Redirect(f"/patients/{patient_id}/letter", status_code=303)


handlers = [letter_page, letter_sent]
