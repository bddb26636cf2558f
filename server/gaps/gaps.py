"""A gap is a measure that a patient should meet this year and does not yet; it opens and closes by evaluation alone."""

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.gaps import evidence
from server.gaps.evidence import NewEvidence
from server.gaps.measures import Evidence, Status, calendar_year, cms125, cms130, influenza


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` of evidence it asks for; `evaluate(birth date, sex, evidence, year the period begins in)` is pure."""

    evaluate: Callable[[date, str, Sequence[Evidence], int], Status]
    kinds: tuple[str, ...]
    period: Callable[[date], tuple[date, date]] = calendar_year


MEASURES: dict[str, Measure] = {
    cms125.CODE: Measure(evaluate=cms125.evaluate, kinds=cms125.KINDS),
    cms130.CODE: Measure(evaluate=cms130.evaluate, kinds=cms130.KINDS),
    influenza.CODE: Measure(evaluate=influenza.evaluate, kinds=influenza.KINDS, period=influenza.season),
}
PAGE_SIZE = 1000

PAGE = "SELECT id FROM patient WHERE id > $1 AND NOT synthetic ORDER BY id LIMIT $2"
PEOPLE = """
    SELECT p.id, p.organization_id, p.birth_date, p.sex,
           ($2::timestamptz AT TIME ZONE p.zone)::date AS today,
           coalesce(array_agg(e.id ORDER BY e.id) FILTER (WHERE e.id IS NOT NULL), '{}') AS ids,
           coalesce(array_agg(e.kind ORDER BY e.id) FILTER (WHERE e.id IS NOT NULL), '{}') AS kinds,
           coalesce(array_agg(e.done_on ORDER BY e.id) FILTER (WHERE e.id IS NOT NULL), '{}') AS days
      FROM patient p LEFT JOIN evidence e ON e.patient_id = p.id AND e.withdrawn_at IS NULL
     WHERE p.id = ANY($1)
     GROUP BY p.id
"""
# A gap opens while it is asked for, and comes back whenever what took it out or closed it turns out to be wrong.
OPEN = """
    INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, last_done_on, opened_at)
    SELECT n.id, n.organization_id, n.patient_id, n.measure, n.starts, n.ends, n.last_done_on, $9
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::date[], $7::date[], $8::boolean[])
        AS n (id, organization_id, patient_id, measure, starts, ends, last_done_on, asked)
     WHERE n.asked OR EXISTS (SELECT FROM gap g WHERE g.patient_id = n.patient_id AND g.measure = n.measure
                                                  AND g.period_start = n.starts)
    ON CONFLICT (patient_id, measure, period_start) DO UPDATE
       SET status = 'open', closed_at = NULL, evidence_id = NULL, last_done_on = excluded.last_done_on
     WHERE gap.status = 'excluded' OR (gap.status = 'closed' AND EXISTS (
           SELECT FROM evidence e WHERE e.patient_id = gap.patient_id AND e.id = gap.evidence_id
                                    AND e.withdrawn_at IS NOT NULL))
    RETURNING id
"""
CLOSE = """
    UPDATE gap g SET status = n.status, closed_at = $6, evidence_id = n.evidence_id,
                     last_done_on = coalesce(n.last_done_on, g.last_done_on)
      FROM unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::uuid[], $7::date[])
        AS n (patient_id, measure, period_start, status, evidence_id, last_done_on)
     WHERE g.patient_id = n.patient_id AND g.measure = n.measure AND g.period_start = n.period_start
       AND (g.status IN ('open', 'awaiting_evidence') OR EXISTS (
            SELECT FROM evidence e WHERE e.patient_id = g.patient_id AND e.id = g.evidence_id
                                     AND e.withdrawn_at IS NOT NULL))
    RETURNING g.id
"""
TOUCH = """
    INSERT INTO touch (id, organization_id, patient_id, gap_id, message_id, touched_at)
    SELECT n.*, $6 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS n
"""


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """One outreach for a gap: a message that went into the outbox, whatever became of it there."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    gap_id: uuid.UUID
    message_id: uuid.UUID


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    opened: int
    closed: list[uuid.UUID]


async def page(db: Db, after: uuid.UUID) -> list[uuid.UUID]:
    """The next patients in the order of their ids; empty at the end."""
    return [row["id"] for row in await db.fetch(PAGE, after, PAGE_SIZE)]


async def evaluate(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> Changed:
    """Open what is missing this year, close what evidence meets; doing it again changes nothing."""
    missing, settled = [], []
    for person in await db.fetch(PEOPLE, list(patients), now):
        known = [Evidence(kind=k, done_on=d) for k, d in zip(person["kinds"], person["days"], strict=True)]
        for code, measure in MEASURES.items():
            start, end = measure.period(person["today"])
            status = measure.evaluate(person["birth_date"], person["sex"], known, start.year)
            if status.in_population and not status.met:
                gap = (uuid7(), person["organization_id"], person["id"], code, start, end, status.last_done_on)
                missing.append((*gap, person["today"] <= end))
            else:
                outcome = "closed" if status.in_population else "excluded"
                by = _met_by(person, measure.kinds, status) if status.in_population else None
                settled.append((person["id"], code, start, outcome, by, status.last_done_on))
    return Changed(opened=await _open(db, missing, now), closed=await _close(db, settled, now))


async def record_evidence(db: Db, new: NewEvidence, now: datetime) -> list[uuid.UUID] | None:
    """Keep it and judge the patient's measures again: the gaps it closed, or `None` when it was known already."""
    if await evidence.insert(db, new, now) is None:
        return None
    return (await evaluate(db, [new.patient_id], now)).closed


async def withdraw_evidence(db: Db, patient: uuid.UUID, wrong: uuid.UUID, by: str, now: datetime) -> str | None:
    """Entered in error: what it closed opens again unless something else closes it. Its kind, or `None` if unknown."""
    kind = await evidence.withdraw(db, patient, wrong, by, now)
    if kind is not None:
        await evaluate(db, [patient], now)
    return kind


async def touch(db: Db, touches: Sequence[Touch], now: datetime) -> None:
    """Write down that these people are being approached for these gaps."""
    rows = [(uuid7(), t.organization_id, t.patient_id, t.gap_id, t.message_id) for t in touches]
    if rows:
        await db.execute(TOUCH, *map(list, zip(*rows, strict=True)), now)


def _met_by(person: Any, kinds: Sequence[str], status: Status) -> uuid.UUID | None:
    known = zip(person["ids"], person["kinds"], person["days"], strict=True)
    return next((id_ for id_, kind, day in known if kind in kinds and day == status.last_done_on), None)


async def _open(db: Db, rows: Sequence[tuple[Any, ...]], now: datetime) -> int:
    if not rows:
        return 0
    return len(await db.fetch(OPEN, *map(list, zip(*rows, strict=True)), now))


async def _close(db: Db, rows: Sequence[tuple[Any, ...]], now: datetime) -> list[uuid.UUID]:
    if not rows:
        return []
    *columns, last_done = map(list, zip(*rows, strict=True))
    return [row["id"] for row in await db.fetch(CLOSE, *columns, now, last_done)]
