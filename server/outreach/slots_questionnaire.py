"""The patients of a programme are asked its questions every so many days since they last answered or were asked."""

from datetime import datetime, timedelta

from server.db.pool import Db

QUESTIONNAIRE = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
    WITH sight AS MATERIALIZED (
        SELECT * FROM slots_in_sight('{questionnaire}', $1, $2, $3))
    SELECT uuid7_at($1), p.organization_id, p.id, s.rule_id, s.slot, s.due_at, $1
      FROM sight s
      JOIN enrolment e ON e.programme_id = s.programme_id AND (e.valid_to IS NULL OR e.valid_to > $1)
      JOIN patient p ON p.id = e.patient_id AND p.zone = s.zone
     WHERE p.monitoring_status = 'active' AND NOT p.synthetic
       AND greatest(e.valid_from, p.rebaseline_from) <= s.since
       AND EXISTS (SELECT FROM questionnaire q WHERE q.organization_id = s.organization_id AND q.code = s.subject)
       AND NOT EXISTS (SELECT FROM questionnaire_response a
                        WHERE a.patient_id = p.id AND a.code = s.subject AND a.answered_at > s.since)
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = p.id AND r.reminder_rule_id = s.rule_id
                          AND r.slot > s.slot - make_interval(days => s.after_days))
     ORDER BY p.id, s.rule_id, s.slot
     LIMIT $4
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
"""


async def plan(db: Db, now: datetime, catch_up: timedelta, look_ahead: timedelta, at_once: int) -> str:
    """PostgreSQL's word for how many are new."""
    said: str = await db.execute(QUESTIONNAIRE, now, catch_up, look_ahead, at_once)
    return said
