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


INSERT = """
    INSERT INTO evidence (id, organization_id, patient_id, kind, done_on, source, author, recorded_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (patient_id, kind, done_on) DO NOTHING
    RETURNING id
"""


async def insert(db: Db, new: NewEvidence, now: datetime) -> uuid.UUID | None:
    """`None` when the same thing on the same day is known already."""
    values = (new.organization_id, new.patient_id, new.kind, new.done_on, new.source, new.author)
    found: uuid.UUID | None = await db.fetchval(INSERT, uuid7(), *values, now)
    return found
