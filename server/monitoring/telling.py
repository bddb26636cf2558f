"""Of each alert and alarm that stands: who was paged when, whether it arrived, and who is next and when."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db

Arrived = Literal["under_way", "sent", "not_arrived", "withheld"]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """The last of `times` pages to one person."""

    name: str
    at: datetime
    times: int
    arrived: Arrived


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """`next_who` are words of the escalation's steps; empty when nobody is to be told any more."""

    paged: list[Paged]
    next_who: list[str]
    next_at: datetime | None


# A text and a call of one step are one page: it arrived when one of them did.
PAGED = """
    WITH page AS (
        SELECT coalesce(alert_id, alarm_id) AS about, id FROM message
         WHERE purpose = 'page' AND (alert_id = ANY($1) OR alarm_id = ANY($1))
         UNION
        SELECT id, told_with FROM alert WHERE id = ANY($1) AND told_with IS NOT NULL)
    SELECT p.about, s.name, max(m.created_at) AS at,
           count(DISTINCT m.created_at)::int AS times,
           (array_agg(CASE WHEN m.status IN ('queued', 'sending', 'unknown') THEN 'under_way'
                           WHEN m.status IN ('failed', 'suppressed') THEN 'not_arrived'
                           WHEN m.status = 'withheld' THEN 'withheld' ELSE 'sent' END
                      ORDER BY m.created_at DESC, m.status IN ('failed', 'suppressed')))[1] AS arrived
      FROM page p JOIN message m ON m.id = p.id JOIN staff s ON s.id = m.staff_id
     GROUP BY p.about, s.id, s.name
     ORDER BY p.about, min(m.created_at), s.name
"""
# After its last step a chain says that step again. A team's own steps stand instead of the organization's.
NEXT = """
    SELECT e.id AS about, n.who, e.due_at AS at
      FROM escalation e
      JOIN LATERAL (
           SELECT s.who FROM escalation_step s
            WHERE s.organization_id = e.organization_id AND s.severity = e.severity AND s.position <= e.position
              AND s.valid_from IS NOT NULL AND s.valid_to IS NULL AND (s.team_id = e.team_id OR s.team_id IS NULL)
            ORDER BY s.team_id IS NULL, s.position DESC LIMIT 1) n ON true
     WHERE e.id = ANY($1) AND e.ended_at IS NULL
"""


async def of(db: Db, about: Sequence[uuid.UUID]) -> dict[str, Telling]:
    """Keyed by the alert's or alarm's id in words; what was never paged and waits for nothing is left out."""
    paged: dict[str, list[Paged]] = {}
    for row in await db.fetch(PAGED, list(about)):
        known = dict(row)
        paged.setdefault(str(known.pop("about")), []).append(Paged(**known))
    coming = {str(row["about"]): row for row in await db.fetch(NEXT, list(about))}
    return {
        one: Telling(
            paged=paged.get(one, []),
            next_who=coming[one]["who"] if one in coming else [],
            next_at=coming[one]["at"] if one in coming else None,
        )
        for one in sorted({*paged, *coming})
    }
