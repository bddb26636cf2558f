"""The question after a crisis reading, at the top of the patient's page, and the answer to it."""

import uuid
from datetime import UTC, datetime
from typing import Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from server.flows import confirm
from server.flows.page import told_of
from server.monitoring.answers import Own
from server.security.guards import patient_only
from server.security.sessions import Person
from server.settings import Settings
from server.web.portal.visit import Asked
from server.web.portal.words import Words

State = Literal["open", "none", "some"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Ready to be shown: everything in the patient's language."""

    id: uuid.UUID
    state: State
    first: str  # what to do now
    signs: tuple[str, ...]
    again: bool


class Said(msgspec.Struct, frozen=True, kw_only=True):
    answer: Literal["none", "some"]


def check(own: Own | None, words: Words, rest_minutes: int) -> Check | None:
    """None when nothing is asked."""
    if own is None:
        return None
    kind = "pregnancy" if own.pregnancy and own.asks == "blood_pressure" else own.asks
    state: State = "some" if own.symptoms_at else "none" if own.no_symptoms_at else "open"
    first = words(f"check.{own.asks}.first", rest=rest_minutes)
    return Check(
        id=own.id, state=state, first=first, signs=tuple(words.lines(f"check.{kind}.signs")), again=own.again
    )  # fmt: skip


@post("/portal/check/{question:uuid}", guards=[patient_only], status_code=303, include_in_schema=False)
async def answer(
    request: Asked, person: NamedDependency[Person], question: FromPath[uuid.UUID], data: URLEncodedBody[Said]
) -> Redirect:
    """None of these, or some: staff are told of either, and called at once of some."""
    settings: Settings = request.app.state.settings
    told = told_of(settings)
    said: Literal["no_symptoms", "symptoms"] = "no_symptoms" if data.answer == "none" else "symptoms"
    await confirm.answer(request.app.state.database, person, question, said, datetime.now(UTC), told)
    return Redirect("/portal#check", status_code=303)
