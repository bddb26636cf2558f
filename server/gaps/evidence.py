"""Evidence is something that was done on a day, with its source. Only evidence closes a gap."""

import uuid
from datetime import date, datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db


class NewEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is a measure's own word (mammogram, colonoscopy …); `source` says where it was read."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    kind: str
    done_on: date
    source: str
    author: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """As it stands in the record; `closed` are the measures whose gap it closed."""

    id: uuid.UUID
    kind: str
    done_on: date
    source: str
    author: str
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    closed: list[str]


# What was taken back may be entered once more.
INSERT = """
    INSERT INTO evidence (id, organization_id, patient_id, kind, done_on, source, author, recorded_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (patient_id, kind, done_on) DO UPDATE
       SET source = excluded.source, author = excluded.author, recorded_at = excluded.recorded_at,
           withdrawn_at = NULL, withdrawn_by = NULL
     WHERE evidence.withdrawn_at IS NOT NULL
    RETURNING id
"""
OF = """
    SELECT e.id, e.kind, e.done_on, e.source, coalesce(s.name, e.author) AS author, e.recorded_at, e.withdrawn_at,
           coalesce(t.name, e.withdrawn_by) AS withdrawn_by,
           ARRAY(SELECT g.measure FROM gap g
                  WHERE g.patient_id = e.patient_id AND g.evidence_id = e.id AND g.status = 'closed'
                  ORDER BY g.measure) AS closed
      FROM evidence e
      LEFT JOIN staff s ON e.author = 'staff:' || s.id
      LEFT JOIN staff t ON e.withdrawn_by = 'staff:' || t.id
     WHERE e.patient_id = $1
     ORDER BY e.withdrawn_at IS NOT NULL, e.done_on DESC, e.kind
     LIMIT $2
"""
WITHDRAW = """
    UPDATE evidence SET withdrawn_at = $3, withdrawn_by = $4
     WHERE patient_id = $1 AND id = $2 AND withdrawn_at IS NULL
    RETURNING kind
"""


async def insert(db: Db, new: NewEvidence, now: datetime) -> uuid.UUID | None:
    """`None` when the same thing on the same day is known already."""
    values = (new.organization_id, new.patient_id, new.kind, new.done_on, new.source, new.author)
    found: uuid.UUID | None = await db.fetchval(INSERT, uuid7(), *values, now)
    return found


async def of_patient(db: Db, patient: uuid.UUID, at_most: int) -> list[Known]:
    """The newest first, but for what was taken back."""
    return [Known(**dict(row)) for row in await db.fetch(OF, patient, at_most)]


async def withdraw(db: Db, patient: uuid.UUID, wrong: uuid.UUID, by: str, now: datetime) -> str | None:
    """It was entered in error; its kind, or `None` when it does not stand (any more)."""
    kind: str | None = await db.fetchval(WITHDRAW, patient, wrong, now, by)
    return kind
