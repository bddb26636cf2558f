"""A refill is due when what was dispensed ends soon: a text before the last days, and again when nothing was filled."""

from datetime import datetime, timedelta

from server.db.pool import Db

# An early fill is carried over, as in `server/gaps/adherence.py`: what is left of one fill is taken before the next of
# the same name, so the supply ends on the latest of (a fill's day + all that was filled since). Fills that stopped
# coming longer ago than the rule's days say nothing any more. What was stopped and entered anew under its name may have
# the same fill twice: it is one. A count of what is left stands for all that was filled until its day. One text is for
# all that ended or ends when it goes.
REFILL = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, subject_id, planned_at)
    WITH sight AS MATERIALIZED (
        SELECT * FROM slots_in_sight('{refill}', $1, $2, $3)),
    counted AS MATERIALIZED (
        SELECT m.patient_id, lower(m.name) AS medicine, m.stock_on,
               stock_days(m.stock_doses, m.at_times, m.every_hours) AS days
          FROM medicine m
         WHERE m.stock_on IS NOT NULL AND m.stopped_at IS NULL AND NOT m.as_needed AND EXISTS (SELECT FROM sight)),
    handed_out AS (
        (SELECT DISTINCT ON (d.patient_id, lower(m.name), d.filled_on)
                d.patient_id, lower(m.name) AS medicine, d.filled_on, d.days_supply
           FROM dispensing d
           JOIN medicine m ON m.patient_id = d.patient_id AND m.id = d.medicine_id
           LEFT JOIN counted c ON c.patient_id = d.patient_id AND c.medicine = lower(m.name)
          WHERE (c.stock_on IS NULL OR d.filled_on > c.stock_on) AND d.withdrawn_at IS NULL
            AND EXISTS (SELECT FROM sight)
          ORDER BY d.patient_id, lower(m.name), d.filled_on DESC, d.recorded_at, d.id)
         UNION ALL
        SELECT patient_id, medicine, stock_on, days FROM counted),
    supply AS MATERIALIZED (
        SELECT f.patient_id, f.medicine, max(f.filled_on + f.days) AS ends_on
          FROM (SELECT d.patient_id, d.medicine, d.filled_on,
                       (sum(d.days_supply) OVER (PARTITION BY d.patient_id, d.medicine
                                                 ORDER BY d.filled_on DESC))::int AS days
                  FROM handed_out d) AS f
         GROUP BY f.patient_id, f.medicine)
    SELECT uuid7_at($1), n.organization_id, n.patient_id, n.rule_id, n.slot, n.due_at, n.medicine_id, $1
      FROM (
        SELECT DISTINCT ON (p.id, s.rule_id) p.organization_id, p.id AS patient_id, s.rule_id, s.slot, s.due_at,
               m.id AS medicine_id
          FROM sight s
          JOIN medicine m ON m.organization_id = s.organization_id AND m.stopped_at IS NULL AND NOT m.as_needed
          JOIN patient p ON p.id = m.patient_id AND p.zone = s.zone
          JOIN supply y ON y.patient_id = m.patient_id AND y.medicine = lower(m.name)
         WHERE p.monitoring_status = 'active' AND NOT p.synthetic
           AND y.ends_on BETWEEN s.slot::date - s.after_days AND s.slot::date + s.after_days
           AND (m.ends_on IS NULL OR m.ends_on >= y.ends_on)
           AND (s.programme_id IS NULL OR EXISTS (
                SELECT FROM enrolment e WHERE e.patient_id = p.id AND e.programme_id = s.programme_id
                                          AND e.valid_from <= $1 AND (e.valid_to IS NULL OR e.valid_to > $1)))
           AND NOT EXISTS (SELECT FROM reminder r
                            WHERE r.patient_id = p.id AND r.reminder_rule_id = s.rule_id
                              AND r.slot > s.slot - make_interval(days => s.after_days)
                              AND (r.subject_id = m.id
                                   OR r.status <> 'suppressed' AND r.slot::date >= y.ends_on - s.after_days))
         ORDER BY p.id, s.rule_id, y.ends_on, m.id
         LIMIT $4) AS n
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
"""


async def plan(db: Db, now: datetime, catch_up: timedelta, look_ahead: timedelta, at_once: int) -> str:
    """PostgreSQL's word for how many are new."""
    said: str = await db.execute(REFILL, now, catch_up, look_ahead, at_once)
    return said
