"""The short parts that have come for a patient to read, and which of them they have read, by their own word."""

import uuid
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template

from server.outreach import appointments, education, questionnaires
from server.outreach.education import Part
from server.security.guards import patient_only
from server.security.sessions import Person
from server.web.portal.todos import Planned
from server.web.portal.visit import Asked, Visit, show, visiting

NEXT_ONES = 3  # appointments in sight
Said = Annotated[str | None, QueryParameter(name="said", max_length=20)]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Ready to be shown: everything in the patient's language, one paragraph after the other."""

    id: uuid.UUID
    title: str
    which: str
    paragraphs: list[str]
    state: str
    read: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    part: uuid.UUID
    read: Literal["yes", "no"]


async def planned(visit: Visit) -> Planned:
    """For the list of things to do."""
    db, patient, now = visit.db, visit.patient.id, visit.now
    return Planned(
        booked=await appointments.ahead(db, patient, now, NEXT_ONES), kept=await appointments.kept(db, patient),
        asked=await questionnaires.of_patient(db, patient, now), parts=await education.of_patient(db, patient, now),
    )  # fmt: skip


@get("/portal/reading", guards=[patient_only], include_in_schema=False)
async def reading(request: Asked, person: NamedDependency[Person], said: Said = None) -> Template:
    """What is new is open; what was read can be opened again."""
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "reading")
        parts = await education.of_patient(visit.db, visit.patient.id, visit.now)
    series: dict[str, list[Shown]] = {}
    for part in parts:
        series.setdefault(part.series_title[visit.words.language], []).append(_shown(part, visit))
    return show("reading", visit, said, series=series)


def _shown(part: Part, visit: Visit) -> Shown:
    words = visit.words
    day = part.came_on if part.read_at is None else words.local_day(part.read_at)
    key = "reading.came" if part.read_at is None else "reading.was_read"
    return Shown(
        id=part.id, title=part.title[words.language], which=words("reading.part", number=part.position, of=part.of),
        paragraphs=part.body[words.language].split("\n\n"), state=words(key, date=words.full_date(day)),
        read=part.read_at is not None,
    )  # fmt: skip


@post("/portal/reading", guards=[patient_only], status_code=303, include_in_schema=False)
async def mark(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Change]) -> Redirect:
    """I have read this; or: not yet, after all."""
    read = data.read == "yes"
    async with visiting(request, person) as visit:
        came = {part.id for part in await education.of_patient(visit.db, visit.patient.id, visit.now)}
        change = education.read if read else education.unread
        done = data.part in came and await change(visit.db, visit.patient.id, data.part, visit.now)
        if done:
            await visit.note("education.read" if read else "education.unread", f"part:{data.part}")
    said = "unchanged" if not done else "read" if read else "unread"
    return Redirect(f"/portal/reading?said={said}#main", status_code=303)


handlers = [reading, mark]
