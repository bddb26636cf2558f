"""What outreach achieved: of a year's gaps, how many were texted, reached, answered, booked, closed by evidence."""

import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from server.db.pool import Db


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Gaps of one measure, of the periods that began in one year; every number is of those `due`.

    `texted`: something was sent, or may have been. `reached`: a text or e-mail was delivered, a call heard, a message
    in the portal seen, or they answered: so whoever `answered` (a reply, a key pressed in a call, "done" in the portal;
    no opt-out) is among them. The others hold by themselves, for who books by telephone answered no text: `said_done`
    in an answer; `booked`: an appointment for it was entered, or they or a call of ours said so. `closed_after` were
    closed by evidence. All of these after the first text; `closed_alone` were closed without any.
    """

    measure: str
    due: int
    texted: int
    reached: int
    answered: int
    said_done: int
    booked: int
    closed_after: int
    closed_alone: int
    texts: int


# An answer that names no gap is for what its number, or its patient, was asked in the three days before: on a shared
# number that may be the gaps of both.
FUNNEL = """
    WITH asked AS MATERIALIZED (
        SELECT g.id, g.organization_id, g.patient_id, g.measure, g.status, g.closed_at, g.reported_at
          FROM gap g
          JOIN patient p ON p.id = g.patient_id AND NOT p.synthetic
         WHERE g.status <> 'excluded' AND g.period_start BETWEEN $1 AND $2),
    sent AS MATERIALIZED (
        SELECT g.id AS gap_id, g.organization_id, g.patient_id, c.touched_at AS at, m.to_hash,
               CASE m.channel WHEN 'voice' THEN m.heard_at IS NOT NULL WHEN 'portal' THEN m.seen_at IS NOT NULL
                              ELSE m.status = 'delivered' END AS reached,
               m.heard_at IS NOT NULL AS pressed
          FROM asked g
          JOIN touch c ON c.patient_id = g.patient_id AND c.gap_id = g.id
          LEFT JOIN message m ON m.id = c.message_id
         WHERE m.id IS NULL OR m.status IN ('sending', 'sent', 'delivered', 'unknown')),
    texts AS (
        SELECT gap_id, count(*) AS texts, min(at) AS first_at, bool_or(reached) AS reached, bool_or(pressed) AS pressed
          FROM sent GROUP BY gap_id),
    said AS (
        SELECT s.gap_id, a.meaning
          FROM sent s
          JOIN reply a ON a.organization_id = s.organization_id AND a.gap_id = s.gap_id AND a.received_at >= s.at
         UNION ALL
        SELECT s.gap_id, a.meaning
          FROM sent s
          JOIN reply a ON a.organization_id = s.organization_id AND a.from_hash = s.to_hash AND a.gap_id IS NULL
               AND a.received_at >= s.at AND a.received_at < s.at + interval '3 days'
         UNION ALL
        SELECT s.gap_id, a.meaning
          FROM sent s
          JOIN reply a ON a.patient_id = s.patient_id AND a.gap_id IS NULL
               AND a.received_at >= s.at AND a.received_at < s.at + interval '3 days'),
    replies AS (
        SELECT gap_id, bool_or(meaning = 'done') AS done, bool_or(meaning = 'booked') AS booked
          FROM said WHERE meaning <> 'opt_out' GROUP BY gap_id),
    each AS (
        SELECT g.measure, g.status, g.closed_at, t.texts, t.first_at, coalesce(t.reached, false) AS reached,
               r.gap_id IS NOT NULL OR t.pressed OR g.reported_at >= t.first_at AS answered,
               r.done OR g.reported_at >= t.first_at AS said_done,
               r.booked OR EXISTS (
                   SELECT FROM appointment a
                    WHERE a.patient_id = g.patient_id AND a.measure = g.measure AND a.status <> 'cancelled'
                      AND a.recorded_at >= t.first_at)
               OR g.id::text IN (SELECT k.subject FROM task k WHERE k.kind = 'call_for_gap' AND k.outcome = 'booked')
                  AND t.first_at IS NOT NULL AS booked
          FROM asked g
          LEFT JOIN texts t ON t.gap_id = g.id
          LEFT JOIN replies r ON r.gap_id = g.id)
    SELECT measure, count(*)::int AS due,
           count(*) FILTER (WHERE texts > 0)::int AS texted,
           count(*) FILTER (WHERE reached OR answered)::int AS reached,
           count(*) FILTER (WHERE answered)::int AS answered,
           count(*) FILTER (WHERE said_done)::int AS said_done,
           count(*) FILTER (WHERE booked)::int AS booked,
           count(*) FILTER (WHERE status = 'closed' AND closed_at >= first_at)::int AS closed_after,
           count(*) FILTER (WHERE status = 'closed'
                              AND (first_at IS NULL OR closed_at < first_at))::int AS closed_alone,
           coalesce(sum(texts), 0)::int AS texts
      FROM each GROUP BY measure ORDER BY measure
"""


async def funnels(db: Db, year: int) -> list[Funnel]:
    """One for each measure with gaps whose period began in that year, so that a season counts once."""
    rows = await db.fetch(FUNNEL, *_began(year))
    return [Funnel(**dict(row)) for row in rows]


# Every text for the gaps that the funnel counts, whenever it went. One for several gaps is shared among them.
BODIES = """
    SELECT g.measure, m.body, n.gaps
      FROM touch t
      JOIN gap g ON g.patient_id = t.patient_id AND g.id = t.gap_id
      JOIN message m ON m.id = t.message_id AND m.status IN ('sent', 'delivered', 'unknown', 'failed')
           AND m.channel = 'sms'
     CROSS JOIN LATERAL (
           SELECT count(*)::int AS gaps FROM touch o
            WHERE o.patient_id = t.patient_id AND o.message_id = t.message_id) AS n
     WHERE g.status <> 'excluded' AND g.period_start BETWEEN $1 AND $2
"""


class Body(msgspec.Struct, frozen=True):
    """A text that was sent, and for how many gaps it was."""

    text: str
    gaps: int


async def bodies(db: Db, year: int) -> dict[str, list[Body]]:
    """The texts for each measure's gaps of that year: a carrier bills their segments."""
    found: dict[str, list[Body]] = {}
    for row in await db.fetch(BODIES, *_began(year)):
        found.setdefault(row["measure"], []).append(Body(row["body"], row["gaps"]))
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
         WHERE g.status <> 'excluded' AND g.period_start BETWEEN $1 AND $2
         GROUP BY g.measure
         UNION ALL
        SELECT g.measure, 0, count(*)
          FROM task k
          JOIN gap g ON g.patient_id = k.patient_id AND g.id::text = k.subject
         WHERE k.kind = 'call_for_gap' AND g.status <> 'excluded' AND g.period_start BETWEEN $1 AND $2
           AND k.outcome IN ('reached', 'left_message', 'no_answer', 'booked', 'declined', 'done_elsewhere',
                             'wrong_number')
         GROUP BY g.measure) AS efforts
     GROUP BY measure
"""


async def efforts(db: Db, year: int) -> Mapping[str, Effort]:
    """By measure; what they cost is not known here, so they are told and not added up."""
    rows = await db.fetch(EFFORTS, *_began(year))
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


def cost_per_closed(segments: Fraction, dollars: Decimal | None, closed: int) -> Decimal | None:
    """US dollars of texts for each gap that evidence closed after one; None without a price or a closed gap."""
    if dollars is None or not closed:
        return None
    return (segments.numerator * dollars / segments.denominator / closed).quantize(Decimal("0.01"))


def _began(year: int) -> tuple[date, date]:
    return date(year, 1, 1), date(year, 12, 31)
