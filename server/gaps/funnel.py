"""What outreach achieved: of a year's gaps, how many were texted, reached, answered, booked, closed by evidence."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec

from server.db.pool import Db


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Gaps of one measure that the period ever asked for; each later number is of the one before.

    `closed_after` were closed by evidence after a text went out, `closed_alone` without any.
    """

    measure: str
    due: int
    texted: int
    reached: int
    replied: int
    said_done: int
    closed_after: int
    closed_alone: int
    texts: int


FUNNEL = """
    SELECT g.measure, count(*)::int AS due,
           count(*) FILTER (WHERE t.texts > 0)::int AS texted,
           count(*) FILTER (WHERE t.reached)::int AS reached,
           count(*) FILTER (WHERE r.replied)::int AS replied,
           count(*) FILTER (WHERE r.said_done OR g.reported_at >= t.first_at)::int AS said_done,
           count(*) FILTER (WHERE g.status = 'closed' AND g.closed_at >= t.first_at)::int AS closed_after,
           count(*) FILTER (WHERE g.status = 'closed'
                              AND (t.first_at IS NULL OR g.closed_at < t.first_at))::int AS closed_alone,
           coalesce(sum(t.texts), 0)::int AS texts
      FROM gap g
      JOIN patient p ON p.id = g.patient_id AND NOT p.synthetic
     CROSS JOIN LATERAL (
           SELECT count(*) AS texts, min(c.touched_at) AS first_at,
                  coalesce(bool_or(m.status = 'delivered'), false) AS reached
             FROM touch c LEFT JOIN message m ON m.id = c.message_id
            WHERE c.patient_id = g.patient_id AND c.gap_id = g.id
              AND (m.id IS NULL OR m.status IN ('sending', 'sent', 'delivered', 'failed', 'unknown'))) t
     CROSS JOIN LATERAL (
           SELECT count(*) > 0 AS replied, coalesce(bool_or(a.meaning IN ('done', 'booked')), false) AS said_done
             FROM reply a
            WHERE a.patient_id = g.patient_id AND a.received_at >= t.first_at AND a.meaning <> 'opt_out'
              AND (a.gap_id = g.id OR a.gap_id IS NULL AND a.received_at < t.first_at + interval '3 days')) r
     WHERE g.status <> 'excluded' AND g.period_start <= $2 AND g.period_end >= $1
     GROUP BY g.measure ORDER BY g.measure
"""


async def funnels(db: Db, year: int) -> list[Funnel]:
    """One for each measure that has gaps in that year."""
    rows = await db.fetch(FUNNEL, date(year, 1, 1), date(year, 12, 31))
    return [Funnel(**dict(row)) for row in rows]


BODIES = """
    SELECT g.measure, m.body FROM touch t
      JOIN gap g ON g.patient_id = t.patient_id AND g.id = t.gap_id
      JOIN message m ON m.id = t.message_id AND m.status IN ('sent', 'delivered', 'unknown', 'failed')
           AND m.channel = 'sms'
     WHERE t.touched_at >= $1 AND t.touched_at < $2
"""


async def bodies(db: Db, start: datetime, end: datetime) -> dict[str, list[str]]:
    """The texts that were sent for each measure's gaps: a carrier bills their segments."""
    found: dict[str, list[str]] = {}
    for row in await db.fetch(BODIES, start, end):
        found.setdefault(row["measure"], []).append(row["body"])
    return found


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What was done for a measure's gaps beside texts: calls by the machine, and calls by a person."""

    calls: int
    by_staff: int


EFFORTS = """
    SELECT measure, sum(calls)::int AS calls, sum(by_staff)::int AS by_staff FROM (
        SELECT g.measure, count(*) AS calls, 0 AS by_staff
          FROM touch t
          JOIN gap g ON g.patient_id = t.patient_id AND g.id = t.gap_id
          JOIN message m ON m.id = t.message_id AND m.status IN ('sent', 'delivered', 'unknown', 'failed')
               AND m.channel = 'voice'
         WHERE t.touched_at >= $1 AND t.touched_at < $2
         GROUP BY g.measure
         UNION ALL
        SELECT g.measure, 0, count(*)
          FROM task k
          JOIN gap g ON g.patient_id = k.patient_id AND g.id::text = k.subject
         WHERE k.kind = 'call_for_gap' AND k.closed_at >= $1 AND k.closed_at < $2
           AND k.outcome IN ('reached', 'left_message', 'no_answer', 'booked', 'declined', 'done_elsewhere',
                             'wrong_number')
         GROUP BY g.measure) AS efforts
     GROUP BY measure
"""


async def efforts(db: Db, start: datetime, end: datetime) -> Mapping[str, Effort]:
    """By measure; what they cost is not known here, so they are told and not added up."""
    rows = await db.fetch(EFFORTS, start, end)
    return {row["measure"]: Effort(calls=row["calls"], by_staff=row["by_staff"]) for row in rows}


PRICE = "SELECT segment_price_usd FROM organization WHERE id = $1"


async def price(db: Db, organization: uuid.UUID) -> Decimal | None:
    """US dollars for one segment, as the organization says its carrier bills; None: nobody said."""
    found: Decimal | None = await db.fetchval(PRICE, organization)
    return found


SET_PRICE = """
    UPDATE organization SET segment_price_usd = $2
     WHERE id = $1 AND segment_price_usd IS DISTINCT FROM $2
    RETURNING id
"""


async def set_price(db: Db, organization: uuid.UUID, dollars: Decimal | None) -> bool:
    """False when it was so already."""
    return await db.fetchval(SET_PRICE, organization, dollars) is not None


def cost_per_closed(segments: int, dollars: Decimal | None, closed: int) -> Decimal | None:
    """US dollars of texts for each gap that evidence closed after one; None without a price or a closed gap."""
    return (segments * dollars / closed).quantize(Decimal("0.01")) if dollars is not None and closed else None
