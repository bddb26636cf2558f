-- What planning shares: the slots in sight of each zone, ids made in the database, and whether a dose is due at a slot.

-- A UUID version 7 (RFC 9562) of that moment, for rows that are made by the hundred thousand in one statement. Chance
-- comes from the session's own generator: these ids are no secret, and asking the system for each is slow.
CREATE FUNCTION uuid7_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL RESTRICTED AS $$
    SELECT encode(int8send((date_part('epoch', at) * 1000)::bigint << 16 | 28672 | (random() * 4095)::int)
                  || int8send((random() * 4611686018427387903)::bigint | (-9223372036854775808)), 'hex')::uuid
$$;

-- When the rules of these kinds that go by an hour of the day come next: once for each zone in which an organization
-- has patients, never once for each patient. `since`: the slot's hour `after_days` days before.
-- What is gone by more than `catch_up`, or for longer than it lasts, is not in sight.
CREATE FUNCTION slots_in_sight(kinds text[], at timestamptz, catch_up interval, look_ahead interval)
RETURNS TABLE (rule_id uuid, organization_id uuid, programme_id uuid, measure text, subject text, after_days integer,
               zone text, slot timestamp, due_at timestamptz, since timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT u.id, u.organization_id, u.programme_id, u.measure, u.subject, u.after_days, z.zone, s.slot, m.due_at,
           valid_at(s.slot - make_interval(days => u.after_days), z.zone)
      FROM reminder_rule u
      JOIN (SELECT DISTINCT p.organization_id, p.zone FROM patient p) AS z ON z.organization_id = u.organization_id
     CROSS JOIN LATERAL (
           SELECT ((at - catch_up) AT TIME ZONE z.zone)::date + k + make_interval(hours => u.local_hour) AS slot
             FROM generate_series(-1, (extract(epoch FROM catch_up + look_ahead) / 86400)::int + 1) AS k) AS s
     CROSS JOIN LATERAL (SELECT valid_at(s.slot, z.zone) AS due_at) AS m
     WHERE u.kind = ANY(kinds) AND u.enabled
       AND m.due_at >= at - least(catch_up, make_interval(hours => u.lasts_hours)) AND m.due_at <= at + look_ahead
$$;

-- Is a medicine the patient takes today taken at this minute of their clock? By the hour, or so many hours after the
-- first dose; of the doses of an interval only the two beside the slot can fall on it.
CREATE FUNCTION medicine_due(patient uuid, slot timestamp, zone text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM medicine m
         WHERE m.patient_id = patient AND m.stopped_at IS NULL AND NOT m.as_needed
           AND slot::date >= m.starts_on AND (m.ends_on IS NULL OR slot::date <= m.ends_on)
           AND (slot::time = ANY (m.at_times)
                OR EXISTS (
                   SELECT FROM generate_series(0, 1) AS k
                    CROSS JOIN LATERAL (
                          SELECT k + floor(extract(epoch FROM valid_at(slot, zone) - m.first_dose_at)
                                           / (3600 * m.every_hours))::int AS dose) AS n
                    WHERE m.every_hours IS NOT NULL AND n.dose >= 0
                      AND date_trunc('minute', (m.first_dose_at + make_interval(hours => n.dose * m.every_hours))
                                               AT TIME ZONE zone) = slot)))
$$;

-- As before, but a reminder of medicines is for one that is still taken at that minute, whichever it was planned for.
CREATE OR REPLACE FUNCTION reminder_reason_there(patient uuid, reminder uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE u.kind
        WHEN 'measurement' THEN NOT EXISTS (
            SELECT FROM reading d WHERE d.patient_id = r.patient_id
               AND d.measured_at > valid_at(r.slot - make_interval(days => u.after_days), p.zone))
        WHEN 'medicine' THEN medicine_due(r.patient_id, r.slot, p.zone)
            AND NOT EXISTS (SELECT FROM intake i WHERE i.patient_id = r.patient_id AND i.reminder_id = r.id AND i.taken)
        WHEN 'refill' THEN EXISTS (
            SELECT FROM medicine m WHERE m.patient_id = r.patient_id AND m.id = r.subject_id AND m.stopped_at IS NULL)
            AND NOT EXISTS (
            SELECT FROM dispensing f WHERE f.patient_id = r.patient_id AND f.medicine_id = r.subject_id
               AND f.filled_on + f.days_supply > r.slot::date + u.after_days)
        WHEN 'appointment' THEN EXISTS (
            SELECT FROM appointment a WHERE a.patient_id = r.patient_id AND a.id = r.subject_id
               AND a.status = 'booked' AND a.starts_at > at)
        WHEN 'questionnaire' THEN NOT EXISTS (
            SELECT FROM questionnaire_response q WHERE q.patient_id = r.patient_id AND q.code = u.subject
               AND q.answered_at > valid_at(r.slot - make_interval(days => u.after_days), p.zone))
        WHEN 'education' THEN true
        ELSE EXISTS (
            SELECT FROM gap g WHERE g.patient_id = r.patient_id AND g.id = r.gap_id AND g.status = 'open'
               AND NOT EXISTS (SELECT FROM appointment a WHERE a.patient_id = g.patient_id AND a.measure = g.measure
                                  AND a.status = 'booked' AND a.starts_at > at))
        END AND u.enabled
      FROM reminder r
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      JOIN patient p ON p.id = r.patient_id
     WHERE r.patient_id = $1 AND r.id = $2
$$;

-- Organizations that exist get the rules of the new kinds switched off: an upgrade alone texts nobody anything new.
INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, measure, after_days, local_hour, priority,
                           lasts_hours, hours_before, subject, enabled)
SELECT uuid7_at(now()), o.id, x.code, x.kind,
       (SELECT p.id FROM programme p WHERE p.organization_id = o.id AND p.code = x.programme),
       x.measure, x.after_days, 10, x.priority, x.lasts_hours, x.hours_before, x.subject, false
  FROM organization o
 CROSS JOIN (VALUES
       ('medicine', 'medicine', NULL, NULL, 1, 1, 2, NULL::integer, NULL),
       ('refill', 'refill', NULL, NULL, 7, 3, 72, NULL, NULL),
       ('appointment_day_before', 'appointment', NULL, NULL, 1, 2, 20, 24, NULL),
       ('questionnaire_weekly_check_in', 'questionnaire', 'heart_failure', NULL, 7, 6, 48, NULL, 'weekly_check_in'),
       ('education_home_blood_pressure', 'education', 'hypertension', NULL, 1, 8, 48, NULL, 'home_blood_pressure'),
       ('education_heart_failure_weight', 'education', 'heart_failure', NULL, 1, 8, 48, NULL, 'heart_failure_weight'),
       ('vaccination_influenza', 'vaccination', NULL, 'influenza', 30, 7, 72, NULL, NULL))
    AS x (code, kind, programme, measure, after_days, priority, lasts_hours, hours_before, subject)
ON CONFLICT (organization_id, code) DO NOTHING;
