"""Texts from a number that is nobody's we know: a person reads them, and finds out whose it is."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db
from server.people import contacts


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote one text. `patient_id`: whose number it is by now, or was."""

    number: str
    number_hash: bytes
    patient_id: uuid.UUID | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing said; `meaning` is what we understood of theirs, `status` how ours fared ("" of theirs)."""

    id: uuid.UUID
    at: datetime
    direction: Literal["from", "to"]
    body: str
    meaning: str | None
    status: str
    reason: str | None
    not_before: datetime | None


WRITER = "SELECT organization_id, from_number, from_hash, patient_id FROM reply WHERE id = $1"


async def writer(db: Db, text: uuid.UUID) -> Stranger | None:
    """None when the organization has no such text."""
    row = await db.fetchrow(WRITER, text)
    if row is None:
        return None
    known = await contacts.by_phone(db, row["organization_id"], row["from_hash"])
    patient = known[0].patient_id if known else row["patient_id"]
    return Stranger(number=row["from_number"], number_hash=row["from_hash"], patient_id=patient)


# A code that was sent to the number is nobody's to read; nor is what went to a patient whose number it was.
LINES = """
    SELECT * FROM (
        (SELECT id, received_at AS at, 'from' AS direction, body, meaning, '' AS status, NULL AS reason,
                NULL::timestamptz AS not_before
           FROM reply WHERE from_hash = $1 AND patient_id IS NULL ORDER BY received_at DESC LIMIT $2)
        UNION ALL
        (SELECT m.id, coalesce(m.claimed_at, m.created_at), 'to', m.body, NULL, m.status, m.reason, m.not_before
           FROM message m
          WHERE m.to_hash = $1 AND m.patient_id IS NULL AND m.staff_id IS NULL AND m.purpose IN ('answer', 'safety')
          ORDER BY m.created_at DESC LIMIT $2)) AS said
     ORDER BY at DESC, id DESC LIMIT $2
"""


async def lines(db: Db, number_hash: bytes, limit: int) -> list[Line]:
    """What the number wrote and what it was answered, the oldest of the newest first."""
    return [Line(**dict(row)) for row in reversed(await db.fetch(LINES, number_hash, limit))]
