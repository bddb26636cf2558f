"""The texts we sent to a patient, as their patient may see them. Pages to staff are none of them."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Db


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a patient and what became of it."""

    body: str
    language: str
    status: str
    reason: str | None
    to_number: str
    not_before: datetime
    created_at: datetime
    claimed_at: datetime | None


# A page to a nurse about this patient carries the patient's id too: it is the nurse's, with the nurse's number.
NEWEST = """
    SELECT body, language, status, reason, to_number, not_before, created_at, claimed_at
      FROM message
     WHERE patient_id = $1 AND staff_id IS NULL AND purpose <> 'page'
     ORDER BY created_at DESC, id DESC LIMIT $2
"""


async def newest(db: Db, patient: uuid.UUID, most: int) -> list[Letter]:
    """The newest first, at most `most`."""
    return [Letter(**dict(row)) for row in await db.fetch(NEWEST, patient, most)]
