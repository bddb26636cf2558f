"""Whoever is to be told next is told when it is due, and nothing that stands open is without a next step."""

from datetime import datetime

from server.auditing.standing import Count
from server.db.pool import Db

# Alarms about a chain or a page are told by the chain they are about.
TOLD_BY_ANOTHER = ("chain_exhausted", "page_failed")

# What is laid aside, or waits while a high alert of the patient stands, is due again the moment that ends: the worker
# gets the same seconds from then on.
OVERDUE = """
    WITH late AS (
        SELECT e.organization_id
          FROM escalation e
          JOIN organization o ON o.id = e.organization_id
          LEFT JOIN alert a ON a.patient_id = e.patient_id AND a.id = e.id
          LEFT JOIN alarm b ON e.kind = 'alarm' AND b.id = e.id
         WHERE e.ended_at IS NULL AND coalesce(a.status, b.status) = 'open'
           AND (e.due_at < $1 AND (o.state <> 'shadow' OR NOT e.repeating)
                OR e.severity = 'high' AND e.due_at > (
                   SELECT e.stepped_at + max(greatest(s.after, s.again)) + interval '1 minute' FROM escalation_step s
                    WHERE s.organization_id = e.organization_id AND s.severity = 'high'))
           AND (a.severity IS NULL OR a.severity = 'high'
                OR NOT EXISTS (SELECT FROM snooze z
                                WHERE z.patient_id = e.patient_id AND z.alert_id = e.id
                                  AND least(z.ends_at, z.ended_at) > $1)
                   AND NOT EXISTS (SELECT FROM alert h
                                    WHERE h.patient_id = e.patient_id AND h.id <> e.id AND h.severity = 'high'
                                      AND (h.status <> 'resolved' OR h.resolved_at > $1)))
         UNION ALL
        SELECT a.organization_id
          FROM alert a
          JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
          LEFT JOIN escalation e ON e.id = a.id
         WHERE a.status = 'open' AND a.age <> 'historic' AND greatest(a.opened_at, a.page_not_before) < $1
           AND (e.id IS NULL OR e.ended_at IS NOT NULL)
         UNION ALL
        SELECT b.organization_id
          FROM alarm b LEFT JOIN escalation e ON e.id = b.id
         WHERE b.status = 'open' AND b.severity = 'high' AND b.kind <> ALL ($2::text[])
           AND coalesce(b.again_at, b.opened_at) < $1
           AND (e.id IS NULL OR e.ended_at IS NOT NULL))
    SELECT organization_id, count(*) FROM late GROUP BY organization_id
"""


async def overdue(db: Db, due_before: datetime) -> list[Count]:
    """Open alerts and high alarms whose next step was due before then and was not taken, or that have none.

    Or one that will never come: later than the longest wait of any step of theirs.
    """
    return [Count(**dict(row)) for row in await db.fetch(OVERDUE, due_before, list(TOLD_BY_ANOTHER))]
