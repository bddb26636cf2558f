"""The texts we sent to a patient, as their patient may see them. Pages to staff are none of them."""

import uuid
from collections.abc import Iterable
from datetime import datetime

import msgspec

from server.db.pool import Db
from server.people.channel_order import Channel


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a patient and what became of it."""

    body: str
    language: str
    status: str
    reason: str | None
    channel: Channel
    to_number: str
    to_proxy: bool
    not_before: datetime
    created_at: datetime
    claimed_at: datetime | None


# A page to a nurse about this patient carries the patient's id too: it is the nurse's, with the nurse's number. A code
# is for whoever holds the telephone, and proves nothing when it can be read here.
NEWEST = """
    SELECT m.body, m.language, m.status, m.reason, m.channel, m.to_number, k.proxy_id IS NOT NULL AS to_proxy,
           m.not_before, m.created_at, m.claimed_at
      FROM message m
      LEFT JOIN contact_point k ON k.patient_id = m.patient_id AND k.id = m.contact_point_id
     WHERE m.patient_id = $1 AND m.staff_id IS NULL AND m.purpose <> 'page' AND m.wording <> 'verify_code'
     ORDER BY m.created_at DESC, m.id DESC LIMIT $2
"""


async def newest(db: Db, patient: uuid.UUID, most: int) -> list[Letter]:
    """The newest first, at most `most`."""
    return [Letter(**dict(row)) for row in await db.fetch(NEWEST, patient, most)]


SEE = """
    UPDATE message SET seen_at = $2
     WHERE patient_id = $1 AND channel = 'portal' AND status = 'delivered' AND seen_at IS NULL
    RETURNING id
"""


async def see(db: Db, patient: uuid.UUID, now: datetime) -> int:
    """They looked: how many messages of the portal were new to them."""
    return len(await db.fetch(SEE, patient, now))


UNSEEN = """
    SELECT DISTINCT patient_id FROM message
     WHERE patient_id = ANY($1) AND channel = 'portal' AND status = 'delivered' AND seen_at IS NULL AND created_at < $2
"""


async def unseen(db: Db, patients: Iterable[uuid.UUID], before: datetime) -> set[uuid.UUID]:
    """For whom something has lain in the portal since before then, and they have not looked."""
    return {row["patient_id"] for row in await db.fetch(UNSEEN, sorted(patients), before)}
