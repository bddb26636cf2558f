"""A call to a patient: what it is about, and whether somebody heard it. Only a pressed key says that somebody did."""

import uuid
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call as its webhook finds it. `patient_id`: None of safety's call to a number that no patient has."""

    message_id: uuid.UUID
    organization_id: uuid.UUID
    organization_name: str
    sender_number: str | None
    patient_id: uuid.UUID | None
    to_hash: bytes
    purpose: str
    wording: str
    language: str
    body: str
    heard_at: datetime | None
    reminders: list[uuid.UUID]
    question: uuid.UUID | None

    @property
    def about_medicine(self) -> bool:
        """Of one medicine reminder alone a key can say "taken"."""
        return self.wording == "say_medicine"


OF_ATTEMPT = """
    SELECT m.id AS message_id, m.organization_id, o.name AS organization_name, o.sender_number, m.patient_id, m.to_hash,
           m.purpose, m.wording, m.language, m.body, m.heard_at,
           ARRAY(SELECT r.id FROM reminder r WHERE r.message_id = m.id ORDER BY r.id) AS reminders, c.id AS question
      FROM attempt t
      JOIN message m ON m.id = t.message_id
      JOIN organization o ON o.id = m.organization_id
      LEFT JOIN confirmation c ON c.patient_id = m.patient_id AND m.unique_for = 'call:ask:' || c.id
     WHERE t.id = $1 AND m.channel = 'voice' AND m.staff_id IS NULL
       AND (m.patient_id IS NOT NULL OR m.purpose = 'safety')
"""


async def of_attempt(db: Db, attempt: uuid.UUID) -> Call | None:
    """None when it is no call to a patient of ours."""
    row = await db.fetchrow(OF_ATTEMPT, attempt)
    return Call(**dict(row)) if row else None


IN_TURN = "SELECT FROM message WHERE id = $1 FOR UPDATE"


async def in_turn(db: Db, message: uuid.UUID) -> None:
    """The provider may bring one key several times at once: each is dealt with after the one before."""
    await db.execute(IN_TURN, message)


HEARD = """
    UPDATE message SET heard_at = $2 WHERE id = $1 AND heard_at IS NULL RETURNING true
"""


async def heard(db: Db, message: uuid.UUID, now: datetime) -> bool:
    """True the first time a key was pressed."""
    return await db.fetchval(HEARD, message, now) is True


TAKEN = """
    INSERT INTO intake (id, organization_id, patient_id, reminder_id, taken, said_at, source)
    SELECT $1, r.organization_id, r.patient_id, r.id, $4, $5, 'call' FROM reminder r
     WHERE r.patient_id = $2 AND r.id = $3
       AND NOT EXISTS (SELECT FROM intake i WHERE i.patient_id = r.patient_id AND i.reminder_id = r.id AND i.taken = $4)
    RETURNING id
"""


async def say_taken(db: Db, patient: uuid.UUID, reminder: uuid.UUID, taken: bool, now: datetime) -> bool:
    """False when they said so before."""
    return await db.fetchval(TAKEN, uuid7(), patient, reminder, taken, now) is not None
