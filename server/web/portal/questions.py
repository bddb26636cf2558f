"""The questions a patient's programme asks, one page in large type, and what we say when they have answered."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from notifications import replies
from server.db.ids import uuid7
from server.errors import Invalid
from server.flows import ask_questions
from server.flows.ask_questions import Form, Told, Unanswered
from server.outreach import questionnaires
from server.outreach.content import Question, Tells
from server.outreach.questionnaires import LONGEST, Response
from server.outreach.questionnaires import Asked as Questionnaire
from server.security.guards import patient_only
from server.security.sessions import Person
from server.settings import Settings
from server.web.forms import typed_in
from server.web.portal.visit import Asked, Visit, show, visiting

NEWEST: Final = 5
Said = Annotated[str | None, QueryParameter(name="said", max_length=20)]
Again = Annotated[Literal["", "yes"], QueryParameter(name="again")]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    text: str
    chosen: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One question in the patient's language. Without choices they write; `missed`: it still needs an answer."""

    code: str
    text: str
    choices: list[Choice]
    written: str
    missed: bool


class Thanks(msgspec.Struct, frozen=True, kw_only=True):
    """After answering: when it was, and how urgently a person should see it."""

    title: str
    day: str
    tells: Tells | None
    wrote: bool
    danger: bool
    opted_out: bool


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """A form that came back: what was chosen and written in it, and which questions were missed."""

    response: uuid.UUID
    answers: Mapping[str, str]
    missed: list[str]


@get("/portal/questions", guards=[patient_only], include_in_schema=False)
async def questions(request: Asked, person: NamedDependency[Person], said: Said = None, again: Again = "") -> Template:
    """What is due; else thanks for the last answers, which may be given again."""
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "questions")
        asked = await questionnaires.of_patient(visit.db, visit.patient.id, visit.now)
        answered = await questionnaires.responses(visit.db, visit.patient.id, NEWEST)
    due = next((one for one in asked if one.due or again), None)
    if due is not None and said != "answered":
        return _form(visit, due, None)
    last = next((one for one in answered if one.code in {a.code for a in asked}), None)
    return show("questions", visit, said, form=None, thanks=_thanks(last, visit) if last else None)


def _form(visit: Visit, due: Questionnaire, typed: Typed | None) -> Template:
    """After an error as it was typed, and under the name it had."""
    language, content = visit.words.language, due.content
    shown = [_shown(question, language, typed) for question in content.questions]
    found = show(
        "questions", visit, form=due.id, response=typed.response if typed else uuid7(), thanks=None, longest=LONGEST,
        title=content.title[language], intro=content.intro[language], questions=shown, missed=bool(typed),
    )  # fmt: skip
    if typed is not None:
        found.status_code = Invalid.status
    return found


def _shown(question: Question, language: str, typed: Typed | None) -> Shown:
    said = typed.answers.get(question.code, "") if typed else ""
    choices = [Choice(code=o.code, text=o.text[language], chosen=o.code == said) for o in question.options]
    return Shown(
        code=question.code, text=question.text[language], choices=choices, written=said,
        missed=typed is not None and question.code in typed.missed,
    )  # fmt: skip


def _thanks(last: Response, visit: Visit) -> Thanks:
    words = visit.words
    wrote = questionnaires.written(last.content, last.answers)
    meant = replies.classify(wrote) if wrote else None
    return Thanks(
        title=last.content.title[words.language], day=words.day(words.local_day(last.answered_at)), wrote=bool(wrote),
        tells=questionnaires.tells(last.content, last.answers), danger=bool(meant and meant.says("danger")),
        opted_out=bool(meant and meant.says("opt_out") and visit.patient.phone),
    )  # fmt: skip


@post("/portal/questions", guards=[patient_only], status_code=303, include_in_schema=False)
async def answer(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    """Stored once; what is missing is marked, and nothing that was chosen is lost."""
    typed = await typed_in(request)
    form = Form(response=_id(typed, "response"), questionnaire=_id(typed, "questionnaire"), answers=typed)
    settings: Settings = request.app.state.settings
    told = Told(
        public_url=settings.public_url, field_key=settings.field_key, never_wait=settings.never_wait,
        default_sender=settings.twilio.sender if settings.twilio else "",
    )  # fmt: skip
    async with visiting(request, person) as visit:
        asked = await questionnaires.of_patient(visit.db, visit.patient.id, visit.now)
    try:
        await ask_questions.answer(request.app.state.database, person, form, datetime.now(UTC), told)
    except Unanswered as error:
        due = next(one for one in asked if one.id == form.questionnaire)
        return _form(visit, due, Typed(response=form.response, answers=typed, missed=error.questions))
    return Redirect("/portal/questions?said=answered#main", status_code=303)


def _id(typed: Mapping[str, str], name: str) -> uuid.UUID:
    """A form of ours always has it; a page that was left open for long may have another's."""
    try:
        return uuid.UUID(typed.get(name, ""))
    except ValueError:
        raise Invalid(ask_questions.GONE) from None


handlers = [questions, answer]
