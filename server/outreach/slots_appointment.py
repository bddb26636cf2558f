"""An appointment is reminded of once by each rule, so many hours before it starts, and not after it has started."""

from datetime import datetime, timedelta

from server.db.pool import Db

# However long nobody planned, it is caught up until its reminder is moot. An appointment is a moment: it stays the same
# one when the patient moves. One booked again for the same hour takes the place of the one that was cancelled.
APPOINTMENT = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, subject_id, planned_at)
    SELECT uuid7_at($1), n.organization_id, n.patient_id, n.rule_id, n.slot, n.due_at, n.subject_id, $1
      FROM (
        SELECT DISTINCT ON (p.id, u.id, b.slot) p.organization_id, p.id AS patient_id, u.id AS rule_id, b.slot,
               b.due_at, a.id AS subject_id
          FROM reminder_rule u
          JOIN appointment a ON a.organization_id = u.organization_id AND a.status = 'booked'
           AND a.starts_at > $1 AND a.starts_at <= $1 + $2::interval + interval '336 hours'
          JOIN patient p ON p.id = a.patient_id
         CROSS JOIN LATERAL (
               SELECT a.starts_at - make_interval(hours => u.hours_before) AS due_at,
                      date_trunc('minute', (a.starts_at - make_interval(hours => u.hours_before)) AT TIME ZONE p.zone)
                      AS slot) AS b
         WHERE u.enabled AND u.kind = 'appointment' AND p.monitoring_status = 'active' AND NOT p.synthetic
           AND b.due_at > $1 - make_interval(hours => u.lasts_hours) AND b.due_at <= $1 + $2::interval
           AND (u.programme_id IS NULL OR EXISTS (
                SELECT FROM enrolment e WHERE e.patient_id = p.id AND e.programme_id = u.programme_id
                                          AND e.valid_from <= $1 AND (e.valid_to IS NULL OR e.valid_to > $1)))
           AND NOT EXISTS (SELECT FROM reminder r
                            WHERE r.patient_id = p.id AND r.reminder_rule_id = u.id AND r.subject_id = a.id)
         ORDER BY p.id, u.id, b.slot, a.starts_at
         LIMIT $3) AS n
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO UPDATE SET subject_id = excluded.subject_id
     WHERE reminder.status = 'planned'
       AND NOT EXISTS (SELECT FROM appointment o WHERE o.patient_id = reminder.patient_id
                          AND o.id = reminder.subject_id AND o.status = 'booked')
"""


async def plan(db: Db, now: datetime, look_ahead: timedelta, at_once: int) -> str:
    """PostgreSQL's word for how many are new or stand for another appointment now."""
    said: str = await db.execute(APPOINTMENT, now, look_ahead, at_once)
    return said
