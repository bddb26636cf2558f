"""What a patient reports of their own gaps: "I have done this", and "that was a mistake". Evidence closes them."""

import uuid
from datetime import date, datetime
from typing import Literal

import msgspec

from server.db.events import Event, tell
from server.db.pool import Db


class OwnGap(msgspec.Struct, frozen=True, kw_only=True):
    """A gap as its patient sees it."""

    id: uuid.UUID
    measure: str
    status: Literal["open", "awaiting_evidence"]
    last_done_on: date | None
    reported_at: datetime | None


OF = """
    SELECT id, measure, status, last_done_on, reported_at FROM (
        SELECT DISTINCT ON (measure) id, measure, status, last_done_on, reported_at
          FROM gap WHERE patient_id = $1 AND period_start <= $2
         ORDER BY measure, period_start DESC) AS newest
     WHERE status IN ('open', 'awaiting_evidence')
     ORDER BY status = 'awaiting_evidence', measure
"""


async def of(db: Db, patient: uuid.UUID, today: date) -> list[OwnGap]:
    """What is due or reported, each measure once (its newest period); due first."""
    return [OwnGap(**dict(row)) for row in await db.fetch(OF, patient, today)]


REPORT = """
    UPDATE gap SET status = 'awaiting_evidence', reported_at = $3
     WHERE patient_id = $1 AND id = $2 AND status = 'open'
    RETURNING organization_id
"""


async def report_done(db: Db, patient: uuid.UUID, gap: uuid.UUID, now: datetime) -> bool:
    """The patient says it is done. False when it was not open (any more)."""
    return await _tell(db, patient, await db.fetchval(REPORT, patient, gap, now))


WITHDRAW = """
    UPDATE gap SET status = 'open', reported_at = NULL
     WHERE patient_id = $1 AND id = $2 AND status = 'awaiting_evidence'
    RETURNING organization_id
"""


async def withdraw(db: Db, patient: uuid.UUID, gap: uuid.UUID) -> bool:
    """The patient takes the report back. False when it no longer waits: evidence that came stays."""
    return await _tell(db, patient, await db.fetchval(WITHDRAW, patient, gap))


MAY_TEXT = "SELECT no_text_before IS NULL FROM gap WHERE patient_id = $1 AND id = $2"


async def may_text(db: Db, patient: uuid.UUID, gap: uuid.UUID) -> bool:
    """The patient has not asked to hear no more of it."""
    return await db.fetchval(MAY_TEXT, patient, gap) is True


async def _tell(db: Db, patient: uuid.UUID, organization: uuid.UUID | None) -> bool:
    if organization is None:
        return False
    await tell(db, Event(topic="gap", organization=organization, patient=patient))
    return True
