"""What a patient answered to their questions, with the time and the questions as they were, and what they have read."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from notifications import replies
from server.flows.look import looking_at
from server.outreach import education, questionnaires
from server.outreach.content import Tells, Texts
from server.outreach.questionnaires import Response
from server.security.guards import staff_only
from server.security.sessions import Person
from server.web.pages import page

SHOWN: Final = 26  # half a year of weeks


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: `said` is None where nothing was answered; `own`: in the patient's own words."""

    asked: str
    said: str | None
    tells: Tells | None
    own: bool


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One form as staff read it; `when` is on the patient's clock. `danger`: so their own words were understood."""

    title: str
    version: int
    when: str
    at: datetime
    tells: Tells | None
    danger: bool
    answers: list[Said]


@get("/patients/{patient_id:uuid}/answers", guards=[staff_only], include_in_schema=False)
async def answers_page(
    request: Request[Any, Any, State], person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template:
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "answers.view") as (db, patient):
        found = await questionnaires.responses(db, patient_id, SHOWN)
        asked = await questionnaires.of_patient(db, patient_id, now)
        parts = await education.of_patient(db, patient_id, now)
    return page(
        "careteam/told_us.html", person, patient=patient, parts=parts, english=english, full=len(found) == SHOWN,
        shown=SHOWN, answered=[_answered(one, patient.zone) for one in found],
        due=[english(one.content.title) for one in asked if one.due], asked=bool(asked),
    )  # fmt: skip


def english(texts: Texts) -> str:
    """As staff read it."""
    return texts["en"]


def _answered(one: Response, zone: str) -> Answered:
    local, wrote = one.answered_at.astimezone(ZoneInfo(zone)), questionnaires.written(one.content, one.answers)
    return Answered(
        title=english(one.content.title), version=one.version, at=one.answered_at,
        when=f"{local:%a, %b} {local.day}, {local:%Y, %H:%M}", tells=questionnaires.tells(one.content, one.answers),
        danger=bool(wrote) and replies.classify(wrote).says("danger"), answers=_said(one),
    )  # fmt: skip


def _said(one: Response) -> list[Said]:
    found = []
    for question in one.content.questions:
        answer = one.answers.get(question.code)
        chosen = next((option for option in question.options if option.code == answer), None)
        said = english(chosen.text) if chosen else answer if not question.options else None
        tells = chosen.tells if chosen else None
        found.append(Said(asked=english(question.text), said=said, tells=tells, own=not question.options))
    return found


handlers = [answers_page]
