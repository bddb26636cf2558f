"""What a number was last asked: "done" and "booked" are said of that, and of nothing that was asked before it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.pool import Db

COUNTS = timedelta(days=14)  # so long "done" is said of that text; later it is of something that a person must find out


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The newest question to one patient by this number.

    `gap_id`: the open gap, where the text was about that alone; `refill`: it was about picking up a supply alone.
    """

    patient_id: uuid.UUID
    at: datetime
    gap_id: uuid.UUID | None = None
    refill: bool = False

    @property
    def done_answers(self) -> bool:
        return self.gap_id is not None or self.refill


# A text about several things asks for no "done", and a person's own words may have asked anything.
ASKED = """
    SELECT DISTINCT ON (m.patient_id) m.patient_id, coalesce(m.claimed_at, m.not_before) AS at,
           CASE WHEN r.many <= 1 AND t.many = 1 THEN t.gap_id END AS gap_id, r.many = 1 AND r.refill AS refill
      FROM message m
      CROSS JOIN LATERAL (
           SELECT count(*) AS many, coalesce(bool_or(u.kind = 'refill'), false) AS refill
             FROM reminder r JOIN reminder_rule u ON u.id = r.reminder_rule_id
            WHERE r.patient_id = m.patient_id AND r.message_id = m.id) AS r
      CROSS JOIN LATERAL (
           SELECT count(*) AS many, (array_agg(g.id) FILTER (WHERE g.status = 'open'))[1] AS gap_id
             FROM touch t JOIN gap g ON g.patient_id = t.patient_id AND g.id = t.gap_id
            WHERE t.patient_id = m.patient_id AND t.message_id = m.id) AS t
     WHERE m.organization_id = $1 AND m.to_hash = $2 AND m.patient_id IS NOT NULL AND m.staff_id IS NULL
       AND (m.purpose = 'reminder' OR m.written_by IS NOT NULL OR m.wording LIKE 'ask\\_%')
       AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
       AND coalesce(m.claimed_at, m.not_before) > $3 AND coalesce(m.claimed_at, m.not_before) <= $4
     ORDER BY m.patient_id, at DESC, m.id DESC
"""


async def of_number(db: Db, organization: uuid.UUID, to_hash: bytes, now: datetime) -> list[Asked]:
    """Of each patient reached by this number what they were last asked, while an answer counts."""
    return [Asked(**dict(row)) for row in await db.fetch(ASKED, organization, to_hash, now - COUNTS, now)]


def done_is_of(asked: Sequence[Asked]) -> Asked | None:
    """The newest question, if "done" answers it and answers nothing that somebody else at the number was asked."""
    newest = max((one.at for one in asked), default=None)
    last = [one for one in asked if one.at == newest]
    answered = [one for one in asked if one.done_answers]
    return last[0] if len(last) == 1 and answered == last else None
