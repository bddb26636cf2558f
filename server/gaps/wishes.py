"""When a patient does not want to hear of a gap: not for a week, or not in this period; the gap itself stays open."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from server.db.events import Event, tell
from server.db.pool import Db

LATER = timedelta(days=7)
COUNTS = timedelta(days=3)  # so long a word is about the last text


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Which gap a number was last reminded of; None when it is no longer open."""

    patient_id: uuid.UUID
    at: datetime
    gap_id: uuid.UUID | None


ABOUT = """
    SELECT m.patient_id, coalesce(m.claimed_at, m.not_before) AS at,
           (array_agg(r.gap_id ORDER BY u.priority, r.id) FILTER (WHERE g.status = 'open'))[1] AS gap_id
      FROM message m
      JOIN reminder r ON r.patient_id = m.patient_id AND r.message_id = m.id
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      LEFT JOIN gap g ON g.patient_id = r.patient_id AND g.id = r.gap_id
     WHERE m.organization_id = $1 AND m.to_hash = $2 AND m.purpose = 'reminder'
       AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
       AND coalesce(m.claimed_at, m.not_before) > $3 AND coalesce(m.claimed_at, m.not_before) <= $4
     GROUP BY m.patient_id, m.id
    HAVING bool_or(u.kind IN ('screening', 'vaccination'))
     ORDER BY at DESC, m.id DESC
"""


async def reminded_of(db: Db, organization: uuid.UUID, to_hash: bytes, now: datetime) -> list[About]:
    """The newest first. A text about something else in between does not end what a word can be about."""
    return [About(**dict(row)) for row in await db.fetch(ABOUT, organization, to_hash, now - COUNTS, now)]


WAIT = """
    UPDATE gap g SET no_text_before = CASE WHEN $3 = 'not_for_me' THEN g.period_end + 1
                                           ELSE greatest(g.no_text_before, ($4 AT TIME ZONE p.zone)::date + $5::int) END
      FROM patient p
     WHERE g.patient_id = $1 AND g.id = $2 AND g.status = 'open' AND p.id = g.patient_id
    RETURNING g.organization_id
"""
DROP = """
    UPDATE reminder SET status = 'suppressed', reason = $3
     WHERE patient_id = $1 AND gap_id = ANY($2::uuid[]) AND status = 'planned'
"""


async def no_texts(
    db: Db, patient: uuid.UUID, gap: uuid.UUID, why: Literal["later", "not_for_me"], now: datetime
) -> bool:
    """What was planned for it is dropped with the reason. False when the gap is not open (any more)."""
    organization = await db.fetchval(WAIT, patient, gap, why, now, LATER.days)
    if organization is None:
        return False
    await _drop(db, patient, [gap], why)
    await tell(db, Event(topic="gap", organization=organization, patient=patient))
    return True


async def _drop(db: Db, patient: uuid.UUID, gaps: Sequence[uuid.UUID], why: str) -> None:
    await db.execute(DROP, patient, list(gaps), why)


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """A gap that no text is about until that day."""

    gap_id: uuid.UUID
    measure: str
    until: date


PAUSED = """
    SELECT g.id AS gap_id, g.measure, g.no_text_before AS until
      FROM gap g JOIN patient p ON p.id = g.patient_id
     WHERE g.patient_id = $1 AND g.status = 'open' AND g.no_text_before > ($2 AT TIME ZONE p.zone)::date
     ORDER BY g.measure
"""


async def paused(db: Db, patient: uuid.UUID, now: datetime) -> list[Paused]:
    return [Paused(**dict(row)) for row in await db.fetch(PAUSED, patient, now)]


TEXTS_AGAIN = """
    UPDATE gap SET no_text_before = NULL WHERE patient_id = $1 AND id = $2 AND no_text_before IS NOT NULL RETURNING true
"""


async def texts_again(db: Db, patient: uuid.UUID, gap: uuid.UUID) -> bool:
    """Staff heard otherwise: the gap may be texted about like any other."""
    return await db.fetchval(TEXTS_AGAIN, patient, gap) is True
