"""Medicines are taken at hours of the patient's clock, or every so many hours; all of one minute are one slot."""

from datetime import datetime, timedelta

from server.db.pool import Db

# From what is taken to local times near now, from these to moments (each zone's once), and of these what is in sight.
# What was written down after its hour is not caught up. A dose of an interval keeps its moment when the patient moves,
# and so has another slot there: it is not said again.
MEDICINE = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, subject_id, planned_at)
    WITH taken AS MATERIALIZED (
        SELECT u.id AS rule_id, $1::timestamptz - make_interval(hours => least(u.lasts_hours, 24)) AS since,
               p.organization_id, p.id AS patient_id, p.zone, m.id AS medicine_id, m.at_times, m.every_hours,
               m.first_dose_at, m.starts_on, m.ends_on, m.recorded_at
          FROM reminder_rule u
          JOIN medicine m ON m.organization_id = u.organization_id
          JOIN patient p ON p.id = m.patient_id
         WHERE u.enabled AND u.kind = 'medicine' AND m.stopped_at IS NULL AND NOT m.as_needed
           AND p.monitoring_status = 'active' AND NOT p.synthetic
           AND (u.programme_id IS NULL OR EXISTS (
                SELECT FROM enrolment e WHERE e.patient_id = p.id AND e.programme_id = u.programme_id
                                          AND e.valid_from <= $1 AND (e.valid_to IS NULL OR e.valid_to > $1)))),
    dose AS MATERIALIZED (
        SELECT t.*, ((t.since - interval '3 hours') AT TIME ZONE t.zone)::date + k + a.at AS slot, false AS by_interval
          FROM taken t CROSS JOIN unnest(t.at_times) AS a (at) CROSS JOIN generate_series(0, 2) AS k
        UNION ALL
        SELECT t.*, date_trunc('minute', (t.first_dose_at + make_interval(hours => k * t.every_hours))
                                         AT TIME ZONE t.zone), true
          FROM taken t
         CROSS JOIN LATERAL generate_series(
               greatest(0, floor(extract(epoch FROM t.since - t.first_dose_at) / 3600 / t.every_hours)::int),
               floor(extract(epoch FROM $1 + $2::interval - t.first_dose_at) / 3600 / t.every_hours)::int) AS k
         WHERE t.every_hours IS NOT NULL),
    clock AS MATERIALIZED (
        SELECT zone, slot, valid_at(slot, zone) AS due_at
          FROM (SELECT DISTINCT zone, slot FROM dose
                 WHERE slot >= (since AT TIME ZONE zone) - interval '3 hours'
                   AND slot <= (($1 + $2::interval) AT TIME ZONE zone) + interval '3 hours') AS near)
    SELECT uuid7_at($1), d.organization_id, d.patient_id, d.rule_id, d.slot, c.due_at,
           CASE WHEN count(DISTINCT d.medicine_id) = 1 THEN (array_agg(d.medicine_id))[1] END, $1
      FROM dose d
      JOIN clock c ON c.zone = d.zone AND c.slot = d.slot
     WHERE c.due_at >= d.since AND c.due_at <= $1 + $2::interval AND c.due_at >= d.recorded_at
       AND d.slot::date >= d.starts_on AND (d.ends_on IS NULL OR d.slot::date <= d.ends_on)
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = d.patient_id AND r.reminder_rule_id = d.rule_id
                          AND (r.slot = d.slot OR d.by_interval AND r.due_at = c.due_at))
     GROUP BY d.organization_id, d.patient_id, d.rule_id, d.slot, c.due_at
     ORDER BY d.patient_id, d.rule_id, d.slot
     LIMIT $3
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
"""


async def plan(db: Db, now: datetime, look_ahead: timedelta, at_once: int) -> str:
    """A dose is caught up for as long as its reminder lasts; no other comes in its place."""
    said: str = await db.execute(MEDICINE, now, look_ahead, at_once)
    return said
