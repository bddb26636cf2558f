"""What a programme's patients are asked now and then, in versions, and what each of them answered to which version."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from server.db.pool import Db
from server.outreach import content
from server.outreach.content import Content, Question, Tells

LONGEST = 1000  # characters of a written answer
Answers = Mapping[str, str]  # question's code -> option's code, or what was written


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True):
    """One version, as an organization has it."""

    id: uuid.UUID
    code: str
    version: int
    programme: str
    every_days: int
    content: Content
    source: str
    author: str
    recorded_at: datetime
    approved_by: str | None
    approved_at: datetime | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of one for a patient; `due`: they have not answered within its days."""

    id: uuid.UUID
    code: str
    version: int
    content: Content
    answered_at: datetime | None
    due: bool


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Answers with the questions as they were asked."""

    id: uuid.UUID
    code: str
    version: int
    content: Content
    answers: dict[str, str]
    answered_at: datetime


Kind = TypeVar("Kind", Questionnaire, Asked, Response)


def tells(asked: Content, answers: Answers) -> Tells | None:
    """Whether an answer is one that a person should read: the gravest that was chosen."""
    chosen = {o.tells for q in asked.questions for o in q.options if answers.get(q.code) == o.code}
    return "emergency" if "emergency" in chosen else "team" if "team" in chosen else None


def written(asked: Content, answers: Answers) -> str:
    """What the patient wrote in their own words."""
    return "\n".join(answers[q.code] for q in asked.questions if not q.options and answers.get(q.code))


def missing(asked: Content, answers: Answers) -> list[Question]:
    """The questions with options of which none was chosen; to write something is free."""
    return [q for q in asked.questions if q.options and answers.get(q.code) not in {o.code for o in q.options}]


PUT = """
    INSERT INTO questionnaire (id, organization_id, code, version, programme_id, every_days, content, source, author,
                               recorded_at)
    SELECT uuid7_at($8), p.organization_id, n.code, n.version, p.id, n.every_days, n.content::jsonb, n.source, $7, $8
      FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[])
        AS n (code, version, programme, every_days, content, source)
      JOIN programme p ON p.code = n.programme
     WHERE NOT EXISTS (SELECT FROM questionnaire q
                        WHERE q.organization_id = p.organization_id AND q.code = n.code AND q.version = n.version)
     ORDER BY p.organization_id, n.code
    ON CONFLICT (organization_id, code, version) DO NOTHING
"""


async def seed(db: Db, author: str, now: datetime) -> None:
    """Give every organization the shipped versions it does not have; nobody has approved them."""
    rows = [
        (q.code, q.version, q.programme, q.every_days, msgspec.json.encode(q.content).decode(), q.source)
        for q in content.questionnaires()
    ]
    await db.execute(PUT, *map(list, zip(*rows, strict=True)), author, now)


LIST = """
    SELECT DISTINCT ON (q.code) q.id, q.code, q.version, p.name AS programme, q.every_days, q.content, q.source,
           q.author, q.recorded_at, f.name AS approved_by, q.approved_at
      FROM questionnaire q
      JOIN programme p ON p.id = q.programme_id
      LEFT JOIN staff f ON q.approved_by = 'staff:' || f.id
     ORDER BY q.code, q.version DESC
"""


async def list_all(db: Db) -> list[Questionnaire]:
    """The newest version of each, for sign-off."""
    return [_with_content(Questionnaire, row) for row in await db.fetch(LIST)]


APPROVE = """
    UPDATE questionnaire SET approved_by = $2, approved_at = $3 WHERE id = $1 AND approved_at IS NULL RETURNING id
"""


async def approve(db: Db, questionnaire: uuid.UUID, by: str, now: datetime) -> bool:
    """True for the one who signed this version off."""
    return await db.fetchval(APPROVE, questionnaire, by, now) is not None


OF_PATIENT = """
    SELECT q.id, q.code, q.version, q.content, r.answered_at,
           coalesce((r.answered_at AT TIME ZONE p.zone)::date + q.every_days <= ($2 AT TIME ZONE p.zone)::date, true)
               AS due
      FROM patient p
      JOIN questionnaire q ON q.organization_id = p.organization_id
      CROSS JOIN LATERAL (
           SELECT max(a.answered_at) AS answered_at FROM questionnaire_response a
            WHERE a.patient_id = p.id AND a.code = q.code) AS r
     WHERE p.id = $1
       AND NOT EXISTS (SELECT FROM questionnaire n
                        WHERE n.organization_id = q.organization_id AND n.code = q.code AND n.version > q.version)
       AND EXISTS (SELECT FROM enrolment e
                    WHERE e.patient_id = $1 AND e.programme_id = q.programme_id AND e.valid_from <= $2
                      AND (e.valid_to IS NULL OR e.valid_to > $2))
     ORDER BY due DESC, q.code
"""


async def of_patient(db: Db, patient: uuid.UUID, now: datetime) -> list[Asked]:
    """What the programmes they are in ask them; what is due first."""
    return [_with_content(Asked, row) for row in await db.fetch(OF_PATIENT, patient, now)]


STORE = """
    INSERT INTO questionnaire_response (id, organization_id, patient_id, code, version, answers, answered_at)
    SELECT $1, q.organization_id, $2, q.code, q.version, $4::text::jsonb, $5 FROM questionnaire q WHERE q.id = $3
    ON CONFLICT (patient_id, id) DO NOTHING
    RETURNING id
"""


async def store(
    db: Db, response: uuid.UUID, patient: uuid.UUID, questionnaire: uuid.UUID, answers: Answers, now: datetime
) -> bool:
    """False when this form was sent before: its id names it."""
    said = msgspec.json.encode(answers).decode()
    return await db.fetchval(STORE, response, patient, questionnaire, said, now) is not None


RESPONSES = """
    SELECT r.id, r.code, r.version, q.content, r.answers, r.answered_at
      FROM questionnaire_response r
      JOIN questionnaire q ON q.organization_id = r.organization_id AND q.code = r.code AND q.version = r.version
     WHERE r.patient_id = $1
     ORDER BY r.answered_at DESC, r.id
     LIMIT $2
"""


async def responses(db: Db, patient: uuid.UUID, most: int) -> list[Response]:
    """What they answered, the newest first."""
    return [_with_content(Response, row) for row in await db.fetch(RESPONSES, patient, most)]


def _with_content(kind: type[Kind], row: Any) -> Kind:
    return kind(**{**dict(row), "content": msgspec.convert(row["content"], Content)})
