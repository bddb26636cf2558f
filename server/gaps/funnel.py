"""What outreach achieved: of a year's gaps, how many were texted, reached, answered, booked, closed by evidence."""

from datetime import date, datetime

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
     WHERE t.touched_at >= $1 AND t.touched_at < $2
"""


async def bodies(db: Db, start: datetime, end: datetime) -> dict[str, list[str]]:
    """The texts that were sent for each measure's gaps: a carrier bills their segments."""
    found: dict[str, list[str]] = {}
    for row in await db.fetch(BODIES, start, end):
        found.setdefault(row["measure"], []).append(row["body"])
    return found
