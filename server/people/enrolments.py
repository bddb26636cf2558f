"""An enrolment: a patient is in a programme from-to, and so its rules and reminders apply."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    programme_id: uuid.UUID
    code: str
    name: str
    valid_from: datetime


ENROL = """
    INSERT INTO enrolment (id, organization_id, patient_id, programme_id, valid_from)
    SELECT asked.id, p.organization_id, $3, p.id, $4
      FROM unnest($1::uuid[], $2::text[]) AS asked (id, code)
      JOIN programme p ON p.code = asked.code AND p.organization_id = $5
    ON CONFLICT (patient_id, programme_id) WHERE valid_to IS NULL DO NOTHING
    RETURNING programme_id
"""


async def enrol(db: Db, organization_id: uuid.UUID, patient_id: uuid.UUID, codes: Sequence[str], now: datetime) -> int:
    """Put the patient into programmes by code; how many are new. A code nobody knows is left out."""
    ids = [uuid7() for _ in codes]
    return len(await db.fetch(ENROL, ids, list(codes), patient_id, now, organization_id))


END = """
    UPDATE enrolment SET valid_to = $3 WHERE patient_id = $1 AND programme_id = $2 AND valid_to IS NULL
    RETURNING id
"""


async def end(db: Db, patient_id: uuid.UUID, programme_id: uuid.UUID, now: datetime) -> bool:
    """False when the patient was not in it."""
    return await db.fetchval(END, patient_id, programme_id, now) is not None


OF = """
    SELECT e.programme_id, p.code, p.name, e.valid_from
      FROM enrolment e JOIN programme p ON p.id = e.programme_id
     WHERE e.patient_id = $1 AND e.valid_from <= $2 AND (e.valid_to IS NULL OR e.valid_to > $2)
     ORDER BY p.name
"""


async def of(db: Db, patient_id: uuid.UUID, now: datetime) -> list[Enrolment]:
    """The programmes a patient is in at this moment."""
    return [Enrolment(**dict(row)) for row in await db.fetch(OF, patient_id, now)]


COUNT_IN = """
    SELECT count(*) FROM enrolment e JOIN patient p ON p.id = e.patient_id AND NOT p.synthetic
     WHERE e.programme_id = $1 AND e.valid_from <= $2 AND (e.valid_to IS NULL OR e.valid_to > $2)
"""


async def count_in(db: Db, programme_id: uuid.UUID, now: datetime) -> int:
    """How many patients are in this programme at this moment."""
    found: int = await db.fetchval(COUNT_IN, programme_id, now)
    return found
