"""Who did not measure what is expected for a rule's days is reminded at its hour, by one rule at a time."""

from datetime import datetime, timedelta

from server.db.pool import Db

# Slots in sight of everybody whom a measurement rule concerns, who has been silent for its days, and whom no rule of
# its kind reminded within them. One per patient: somebody in two programmes gets one text. Who came back from a pause
# is not asked for the days of the pause. What anybody measured lately is read once, and not looked up for each patient;
# a reading is at most a day ahead of its coming, so the months and days before are left out. Who measured something is
# silent about what else a programme of theirs expects, if they can measure it, which is looked up for those few alone;
# `measurement_missing` of 0034 asks the same of one patient.
MEASUREMENT = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
    WITH sight AS MATERIALIZED (
        SELECT * FROM slots_in_sight('{measurement}', $1, $2, $3)),
    lately AS MATERIALIZED (
        SELECT d.patient_id, d.kind, max(d.measured_at) AS at
          FROM reading d
         WHERE d.measured_at > (SELECT min(since) FROM sight) AND d.measured_at <= $1 + interval '1 day'
           AND d.received_at > (SELECT min(since) FROM sight) - interval '1 day'
         GROUP BY d.patient_id, d.kind),
    heard AS MATERIALIZED (
        SELECT patient_id, max(at) AS at FROM lately GROUP BY patient_id),
    unheard AS MATERIALIZED (
        SELECT DISTINCT s.rule_id, s.slot, s.since, e.patient_id, x.vital
          FROM sight s
          JOIN programme g ON g.organization_id = s.organization_id
         CROSS JOIN LATERAL expected_kinds(g.id, s.slot, s.after_days, s.since) AS x (vital)
          JOIN enrolment e ON e.programme_id = g.id AND e.valid_from <= s.since
               AND (e.valid_to IS NULL OR e.valid_to > $1)
          JOIN patient p ON p.id = e.patient_id AND p.zone = s.zone
          JOIN heard a ON a.patient_id = e.patient_id AND a.at > s.since
          LEFT JOIN lately l ON l.patient_id = e.patient_id AND l.kind = x.vital AND l.at > s.since
         WHERE l.patient_id IS NULL),
    partly AS MATERIALIZED (
        SELECT DISTINCT rule_id, slot, patient_id FROM unheard WHERE can_measure(patient_id, vital, since, $1))
    SELECT uuid7_at($1), n.organization_id, n.patient_id, n.rule_id, n.slot, n.due_at, $1
      FROM (
        SELECT DISTINCT ON (p.id) p.organization_id, p.id AS patient_id, s.rule_id, s.slot, s.due_at
          FROM sight s
          JOIN enrolment e ON e.programme_id = s.programme_id AND (e.valid_to IS NULL OR e.valid_to > $1)
          JOIN patient p ON p.id = e.patient_id AND p.zone = s.zone
          LEFT JOIN heard h ON h.patient_id = p.id AND h.at > s.since
          LEFT JOIN partly y ON y.patient_id = p.id AND y.rule_id = s.rule_id AND y.slot = s.slot
         WHERE p.monitoring_status = 'active' AND NOT p.synthetic
           AND greatest(e.valid_from, p.rebaseline_from) <= s.since
           AND NOT EXISTS (SELECT FROM reminder r JOIN reminder_rule o ON o.id = r.reminder_rule_id
                            WHERE r.patient_id = p.id AND o.kind = 'measurement'
                              AND r.slot > s.slot - make_interval(days => s.after_days))
           AND (h.patient_id IS NULL OR y.patient_id IS NOT NULL)
         ORDER BY p.id, s.due_at, s.rule_id
         LIMIT $4) AS n
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
"""


async def plan(db: Db, now: datetime, catch_up: timedelta, look_ahead: timedelta, at_once: int) -> str:
    """PostgreSQL's word for how many are new."""
    said: str = await db.execute(MEASUREMENT, now, catch_up, look_ahead, at_once)
    return said
