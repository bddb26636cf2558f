"""Which programmes a patient may join, is in, or has left."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Db


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A programme of the clinic. `since`: in it from then on; else `left_at`: they were in it until then."""

    programme_id: uuid.UUID
    code: str
    name: str
    since: datetime | None
    left_at: datetime | None


CHOICES = """
    SELECT p.id AS programme_id, p.code, p.name, n.since, CASE WHEN n.since IS NULL THEN n.left_at END AS left_at
      FROM programme p
      LEFT JOIN LATERAL (
           SELECT max(e.valid_from) FILTER (WHERE e.valid_to IS NULL OR e.valid_to > $2) AS since,
                  max(e.valid_to) AS left_at
             FROM enrolment e
            WHERE e.patient_id = $1 AND e.programme_id = p.id AND e.valid_from <= $2) n ON true
     ORDER BY p.name
"""


async def choices(db: Db, patient: uuid.UUID, now: datetime) -> list[Choice]:
    """Every programme of the clinic, by name."""
    return [Choice(**dict(row)) for row in await db.fetch(CHOICES, patient, now)]
