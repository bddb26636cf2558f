"""A part of a series comes on its day after the enrolment's, by the patient's calendar, once an enrolment."""

from datetime import datetime, timedelta

from server.db.pool import Db

# No other day brings the part, so it is caught up for as long as its reminder lasts.
EDUCATION = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, subject_id, planned_at)
    WITH sight AS MATERIALIZED (
        SELECT * FROM slots_in_sight('{education}', $1, interval '168 hours', $2))
    SELECT uuid7_at($1), p.organization_id, p.id, s.rule_id, s.slot, s.due_at, t.id, $1
      FROM sight s
      JOIN education_part t ON t.organization_id = s.organization_id AND t.series = s.subject
      JOIN enrolment e ON e.programme_id = s.programme_id AND (e.valid_to IS NULL OR e.valid_to > $1)
       AND (e.valid_from AT TIME ZONE s.zone)::date = s.slot::date - t.day
      JOIN patient p ON p.id = e.patient_id AND p.zone = s.zone
     WHERE p.monitoring_status = 'active' AND NOT p.synthetic
       AND NOT EXISTS (SELECT FROM education_read d
                        WHERE d.patient_id = p.id AND d.part_id = t.id AND d.read_at IS NOT NULL)
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = p.id AND r.reminder_rule_id = s.rule_id
                          AND (r.slot = s.slot OR r.subject_id = t.id
                               AND r.slot >= (e.valid_from AT TIME ZONE s.zone)::date - 1))
     ORDER BY p.id, s.rule_id, s.slot
     LIMIT $3
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
"""


async def plan(db: Db, now: datetime, look_ahead: timedelta, at_once: int) -> str:
    """PostgreSQL's word for how many are new."""
    said: str = await db.execute(EDUCATION, now, look_ahead, at_once)
    return said
