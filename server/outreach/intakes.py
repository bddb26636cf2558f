"""What patients say of a dose they were reminded of: taken or not; a later word about the same dose replaces it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

COUNTS = timedelta(hours=12)  # so long "taken" is said of that reminder; then it is of another dose


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A patient's newest reminder of medicines, sent to this number. `answered`: something was said of it."""

    patient_id: uuid.UUID
    at: datetime
    reminders: list[uuid.UUID]
    answered: bool


ASKED = """
    SELECT DISTINCT ON (m.patient_id) m.patient_id, coalesce(m.claimed_at, m.not_before) AS at,
           array_agg(r.id ORDER BY r.id) AS reminders,
           bool_and(EXISTS (SELECT FROM intake i
                             WHERE i.patient_id = r.patient_id AND i.reminder_id = r.id)) AS answered
      FROM message m
      JOIN reminder r ON r.patient_id = m.patient_id AND r.message_id = m.id
      JOIN reminder_rule u ON u.id = r.reminder_rule_id AND u.kind = 'medicine'
     WHERE m.organization_id = $1 AND m.to_hash = $2 AND m.purpose = 'reminder'
       AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
       AND coalesce(m.claimed_at, m.not_before) > $3 AND coalesce(m.claimed_at, m.not_before) <= $4
     GROUP BY m.patient_id, m.id
     ORDER BY m.patient_id, at DESC, m.id DESC
"""


async def asked(db: Db, organization: uuid.UUID, to_hash: bytes, now: datetime) -> list[Asked]:
    """Of each patient reached by this number what they were last reminded to take, while an answer counts."""
    return [Asked(**dict(row)) for row in await db.fetch(ASKED, organization, to_hash, now - COUNTS, now)]


RECORD = """
    INSERT INTO intake (id, organization_id, patient_id, reminder_id, taken, said_at, source)
    SELECT n.id, p.organization_id, p.id, n.reminder_id, $4, $5, $6
      FROM unnest($1::uuid[], $3::uuid[]) AS n (id, reminder_id) JOIN patient p ON p.id = $2
"""


async def record(
    db: Db, patient: uuid.UUID, reminders: Sequence[uuid.UUID], taken: bool, source: str, now: datetime
) -> None:
    await db.execute(RECORD, [uuid7() for _ in reminders], patient, list(reminders), taken, now, source)


NOT_TAKEN = """
    SELECT count(*)::int FROM (
        SELECT taken FROM (
            SELECT DISTINCT ON (r.message_id) i.taken, i.said_at
              FROM intake i JOIN reminder r ON r.patient_id = i.patient_id AND r.id = i.reminder_id
             WHERE i.patient_id = $1
             ORDER BY r.message_id, i.said_at DESC, i.id DESC) AS each
         ORDER BY said_at DESC LIMIT 2) AS newest
     WHERE NOT taken
"""


async def not_taken_in_a_row(db: Db, patient: uuid.UUID) -> bool:
    """Of the last two reminders something was said of, neither was taken."""
    return int(await db.fetchval(NOT_TAKEN, patient)) == 2
