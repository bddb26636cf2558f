-- What is planned: silence counts for each kind of reading that is expected of a patient, and not for all as one; and a
-- supply can be counted, not only filled.

-- So many doses were left on that day, what was filled until then among them.
ALTER TABLE medicine
    ADD COLUMN stock_doses integer CHECK (stock_doses BETWEEN 0 AND 10000),
    ADD COLUMN stock_on date,
    ADD CONSTRAINT medicine_stock_of_a_day CHECK ((stock_doses IS NULL) = (stock_on IS NULL));

-- For how many days so many doses last; unknown for what is taken as needed.
CREATE FUNCTION stock_days(doses integer, at_times time[], every_hours integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $3 IS NOT NULL THEN $1 * $3 / 24 ELSE $1 / nullif(cardinality($2), 0) END
$$;

-- The kinds that a programme expected on these days before the slot: a weekly one only when its window was among them.
CREATE FUNCTION expected_kinds(programme uuid, slot timestamp, days integer, since timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT x.vital
      FROM programme_version v
      JOIN expected_measurement x ON x.programme_version_id = v.id
     CROSS JOIN generate_series(0, $3) AS k
     WHERE v.programme_id = $1 AND v.valid_to IS NULL AND v.valid_from <= $4
       AND extract(isodow FROM $2::date - k)::int - 1 = ANY (x.weekdays)
       AND $2::date - k + x.opens >= $2 - make_interval(days => $3) AND $2::date - k + x.closes <= $2
$$;

-- Nobody is asked for what they cannot measure: they had a device for it all the time, or measured it not long before.
CREATE FUNCTION can_measure(patient uuid, vital text, since timestamptz, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM loan l
          JOIN device d ON d.id = l.device_id AND d.disabled_at IS NULL
          JOIN device_model m ON m.id = d.model_id
         WHERE l.patient_id = $1 AND $2 = ANY (m.kinds) AND l.lent @> $3 AND l.lent @> $4)
        OR EXISTS (
        SELECT FROM reading r
         WHERE r.patient_id = $1 AND r.kind = $2 AND r.measured_at <= $3 AND r.measured_at > $3 - interval '90 days')
$$;

-- Since so many days before the slot nothing came, or nothing of a kind that a programme of theirs expects.
CREATE FUNCTION measurement_missing(patient uuid, slot timestamp, days integer, zone text, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM reading d WHERE d.patient_id = $1 AND d.measured_at > s.since)
        OR EXISTS (
           SELECT FROM enrolment e
            CROSS JOIN LATERAL expected_kinds(e.programme_id, $2, $3, s.since) AS x (vital)
            WHERE e.patient_id = $1 AND e.valid_from <= s.since AND (e.valid_to IS NULL OR e.valid_to > $5)
              AND NOT EXISTS (SELECT FROM reading d
                               WHERE d.patient_id = $1 AND d.kind = x.vital AND d.measured_at > s.since)
              AND can_measure($1, x.vital, s.since, $5))
      FROM (SELECT valid_at($2 - make_interval(days => $3), $4) AS since) AS s
$$;

-- As before, but for the silence and the stock.
CREATE OR REPLACE FUNCTION reminder_reason_by_kind(patient uuid, reminder uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE u.kind
        WHEN 'measurement' THEN measurement_missing(r.patient_id, r.slot, u.after_days, p.zone, $3)
        WHEN 'medicine' THEN medicine_due(r.patient_id, r.slot, p.zone)
            AND NOT EXISTS (SELECT FROM intake i WHERE i.patient_id = r.patient_id AND i.reminder_id = r.id AND i.taken)
        WHEN 'refill' THEN EXISTS (
            SELECT FROM medicine m
             WHERE m.patient_id = r.patient_id AND m.id = r.subject_id AND m.stopped_at IS NULL
               AND NOT coalesce(m.stock_on + stock_days(m.stock_doses, m.at_times, m.every_hours)
                                > r.slot::date + u.after_days, false)
               AND NOT EXISTS (
                   SELECT FROM dispensing f
                    WHERE f.patient_id = m.patient_id AND f.medicine_id = m.id
                      AND f.filled_on > coalesce(m.stock_on, '-infinity')
                      AND f.filled_on + f.days_supply > r.slot::date + u.after_days))
        WHEN 'appointment' THEN EXISTS (
            SELECT FROM appointment a WHERE a.patient_id = r.patient_id AND a.id = r.subject_id
               AND a.status = 'booked' AND a.starts_at > $3)
        WHEN 'questionnaire' THEN NOT EXISTS (
            SELECT FROM questionnaire_response q WHERE q.patient_id = r.patient_id AND q.code = u.subject
               AND q.answered_at > valid_at(r.slot - make_interval(days => u.after_days), p.zone))
        WHEN 'education' THEN true
        ELSE EXISTS (
            SELECT FROM gap g WHERE g.patient_id = r.patient_id AND g.id = r.gap_id AND g.status = 'open'
               AND NOT EXISTS (SELECT FROM appointment a WHERE a.patient_id = g.patient_id AND a.measure = g.measure
                                  AND a.status = 'booked' AND a.starts_at > $3))
        END AND u.enabled
      FROM reminder r
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      JOIN patient p ON p.id = r.patient_id
     WHERE r.patient_id = $1 AND r.id = $2
$$;
