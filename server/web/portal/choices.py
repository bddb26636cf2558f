"""What a patient decides in the portal: a screening is done, the language, which texts they want."""

import uuid
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template

from server.errors import Conflict
from server.gaps import reports
from server.outreach import own_hours
from server.people import consent, preferences
from server.people.consent import Consent, Topic
from server.people.patients import Language
from server.security.guards import patient_only
from server.security.sessions import Person
from server.web.portal.visit import Asked, Visit, show, visiting

TOPICS: tuple[Topic, ...] = ("monitoring", "outreach")
Said = Annotated[str | None, QueryParameter(name="said", max_length=20)]


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    language: Language


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    topic: Topic
    wanted: Literal["yes", "no"]


@get("/portal/settings", guards=[patient_only], include_in_schema=False)
async def settings(request: Asked, person: NamedDependency[Person], said: Said = None) -> Template:
    """Language, consent to texts, sign out."""
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "settings")
        standing = await consent.current(visit.db, visit.patient.id, visit.now)
        own = await own_hours.of(visit.db, visit.patient.id)
    given = {c.topic: c for c in standing if c.channel == "sms"}
    since = {t: visit.words.full_date(visit.words.local_day(c.valid_from)) for t, c in given.items()}
    ending = visit.patient.phone[-4:] if visit.patient.phone else None
    return show("settings", visit, said, topics=TOPICS, since=since, ending=ending, own=own)


@post("/portal/gaps/{gap:uuid}/done", guards=[patient_only], status_code=303, include_in_schema=False)
async def report_done(request: Asked, person: NamedDependency[Person], gap: FromPath[uuid.UUID]) -> Redirect:
    """The patient says a screening is done; evidence will close it."""
    async with visiting(request, person) as visit:
        done = await reports.report_done(visit.db, visit.patient.id, gap, visit.now)
        if done:
            await visit.note("gap.report_done", str(gap))
    return _back("/portal", "reported" if done else "unchanged", "todo")


@post("/portal/gaps/{gap:uuid}/undo", guards=[patient_only], status_code=303, include_in_schema=False)
async def withdraw_report(request: Asked, person: NamedDependency[Person], gap: FromPath[uuid.UUID]) -> Redirect:
    """That was a mistake: due again."""
    async with visiting(request, person) as visit:
        done = await reports.withdraw(visit.db, visit.patient.id, gap)
        if done:
            await visit.note("gap.withdraw_report", str(gap))
    return _back("/portal", "withdrawn" if done else "unchanged", "todo")


@post("/portal/language", guards=[patient_only], status_code=303, include_in_schema=False)
async def speak(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Spoken]) -> Redirect:
    """The language of these pages and of our texts."""
    async with visiting(request, person) as visit:
        changed = await preferences.speak(visit.db, visit.patient.id, data.language)
        if changed:
            await visit.note("patient.language", str(visit.patient.id), {"language": data.language})
    return _back("/portal/settings", "language" if changed else "unchanged")


@post("/portal/texts", guards=[patient_only], status_code=303, include_in_schema=False)
async def choose_texts(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Texts]) -> Redirect:
    """Consent to texts of one topic, given or withdrawn: a new version, never an overwritten one."""
    async with visiting(request, person) as visit:
        changed = await _choose(visit, data)
        if changed:
            action = "consent.give" if data.wanted == "yes" else "consent.withdraw"
            await visit.note(action, str(visit.patient.id), {"channel": "sms", "topic": data.topic})
    said = "texts_on" if data.wanted == "yes" else "texts_off"
    return _back("/portal/settings", said if changed else "unchanged")


async def _choose(visit: Visit, data: Texts) -> bool:
    patient, person = visit.patient, visit.person
    if data.wanted == "no":
        return await consent.withdraw(visit.db, patient.id, "sms", data.topic, visit.now)
    if patient.phone is None:
        raise Conflict(visit.words("settings.no_phone"))
    given = Consent(channel="sms", topic=data.topic, author=person.principal, source="portal", valid_from=visit.now)
    return await consent.give(visit.db, person.organization, patient.id, given)


def _back(path: str, said: str, place: str = "main") -> Redirect:
    """The page again, which then says what happened; a reload sends nothing twice."""
    return Redirect(f"{path}?said={said}#{place}", status_code=303)
