"""A patient answers a questionnaire in the portal: stored once, read by a person when it should be, at once in danger.

What they write in their own words is understood as a text message is: danger is acted on as if it had been texted.
"""

import uuid
from datetime import datetime

import msgspec

from notifications import opt_outs, outbox, replies
from notifications.inbox import Reply
from notifications.replies import Classified
from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Invalid, NotFound
from server.flows import danger, page
from server.flows.heard import Heard
from server.outreach import questionnaires, tasks, wordings
from server.outreach.content import Question
from server.outreach.questionnaires import LONGEST, Answers, Asked
from server.people import organizations, patients
from server.people.contacts import Contact
from server.people.patients import Patient
from server.security import audit
from server.security.sessions import Person

GONE = "These questions are no longer asked. Go back to today's page."
TASK = "A patient's answers to their questions need a person to read them. Read them and call if needed."


class Told(page.Told, frozen=True, kw_only=True):
    """`default_sender`: the number texts come from where the organization has none of its own."""

    default_sender: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """As it was sent. `response` names this form, so that sending it twice stores it once."""

    response: uuid.UUID
    questionnaire: uuid.UUID
    answers: Answers


class Unanswered(Invalid):
    """Which questions still need an answer; the page marks them."""

    def __init__(self, questions: list[Question]) -> None:
        super().__init__("Please choose an answer to every question.")
        self.questions = [question.code for question in questions]


async def answer(database: Database, person: Person, form: Form, now: datetime, told: Told) -> bool:
    """False when this form was stored before. `Unanswered` stores nothing.

    Staff's names and alarms are hidden from a patient's own requests, so this one is made for their organization, and
    only the session says of whom it is.
    """
    if person.patient_id is None:
        raise NotFound(GONE)
    who = Who(principal=person.principal, organization=person.organization)
    async with database.transaction(who) as db:
        patient = await patients.get(db, person.patient_id)
        asked = await _asked(db, person.patient_id, form.questionnaire, now)
        if patient is None or asked is None:
            raise NotFound(GONE)
        answers = _kept(asked, form.answers)
        if unanswered := questionnaires.missing(asked.content, answers):
            raise Unanswered(unanswered)
        if not await questionnaires.store(db, form.response, patient.id, asked.id, answers, now):
            return False
        await _act(db, who, patient, asked, form.response, answers, now, told)
    return True


async def _asked(db: Db, patient: uuid.UUID, questionnaire: uuid.UUID, now: datetime) -> Asked | None:
    return next((one for one in await questionnaires.of_patient(db, patient, now) if one.id == questionnaire), None)


def _kept(asked: Asked, answers: Answers) -> dict[str, str]:
    """Answers to what was asked, and nothing else."""
    typed = {q.code: answers.get(q.code, "").strip()[:LONGEST] for q in asked.content.questions}
    return {code: said for code, said in typed.items() if said}


async def _act(
    db: Db, who: Who, patient: Patient, asked: Asked, response: uuid.UUID, answers: Answers, now: datetime, told: Told
) -> None:
    wrote = questionnaires.written(asked.content, answers)
    said = replies.classify(wrote) if wrote else None
    if said is not None and said.says("danger"):
        await _danger(db, who, patient, response, said, now, told)
    if said is not None and said.says("opt_out"):
        await _opt_out(db, who, patient, now, told)
    if wrote or questionnaires.tells(asked.content, answers):
        await tasks.open_task(
            db, organization=patient.organization_id, patient=patient.id, kind="questionnaire_answers",
            subject=f"{asked.code}:{patient.id}", says=TASK, now=now,
        )  # fmt: skip
    detail = {"code": asked.code, "version": asked.version, "danger": bool(said and said.says("danger"))}
    await audit.note(
        db, who, patient.organization_id, "questionnaire.answer", f"response:{response}", now, patient=patient.id,
        detail=detail,
    )  # fmt: skip
    await tell(db, Event(topic="patient", organization=patient.organization_id, patient=patient.id))


async def _danger(
    db: Db, who: Who, patient: Patient, response: uuid.UUID, said: Classified, now: datetime, told: Told
) -> None:
    """A high alarm and a page, and the emergency number on the telephone they may be holding: as for a text."""
    organization = await organizations.get(db, patient.organization_id)
    heard = Heard(
        reply=Reply(
            id=response, organization_id=patient.organization_id, from_hash=patient.phone_hash or b"",
            from_number=patient.phone or "", to_number="", body="", patient_id=patient.id, received_at=now,
        ),
        said=said, asked=[], organization_name=organization.name if organization else "",
        own=await wordings.of(db, patient.organization_id),
        people=[
            Contact(patient_id=patient.id, team_id=patient.team_id, mrn=patient.mrn, language=patient.language)
        ],
    )  # fmt: skip
    await danger.page_staff(db, who, heard, now, told)
    if patient.phone:
        await outbox.put(db, [heard.answer("emergency", now)])
    await tell(db, Event(topic="outbox"))


async def _opt_out(db: Db, who: Who, patient: Patient, now: datetime, told: Told) -> None:
    """Any reasonable way counts, also this one."""
    if patient.phone_hash is None:
        return
    organization = await organizations.get(db, patient.organization_id)
    sender = (organization.sender_number if organization else None) or told.default_sender
    if await opt_outs.record(db, patient.organization_id, sender, patient.phone_hash, "wording", now):
        await audit.note(
            db, who, patient.organization_id, "opt_out.record", f"patient:{patient.id}", now, patient=patient.id,
            detail={"via": "portal"},
        )  # fmt: skip
