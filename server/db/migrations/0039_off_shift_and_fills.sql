-- Has whoever answered while on shift gone home since? Who answered without being on shift leaves none. An answer of a
-- clock that is ahead of ours, given as the shift began, is not one from before it.
CREATE FUNCTION left_their_shift(staff uuid, answered_at timestamptz, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $2 <= $3
       AND EXISTS (SELECT FROM shift s WHERE s.staff_id = $1 AND s.starts_at <= $2 AND s.ends_at > $2)
       AND NOT EXISTS (SELECT FROM shift s
                        WHERE s.staff_id = $1 AND s.cancelled_at IS NULL AND s.starts_at <= $3 AND s.ends_at > $3
                          AND NOT EXISTS (SELECT FROM time_off t
                                           WHERE t.staff_id = s.staff_id AND t.cancelled_at IS NULL
                                             AND t.starts_at <= $3 AND t.ends_at > $3))
$$;

-- A fill that was entered in error is taken back; it stays, says who did it, and the right one of that day can follow.
ALTER TABLE dispensing
    ADD COLUMN withdrawn_at timestamptz,
    ADD COLUMN withdrawn_by text,
    ADD CONSTRAINT dispensing_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)),
    DROP CONSTRAINT dispensing_patient_id_medicine_id_filled_on_key;
CREATE UNIQUE INDEX dispensing_once ON dispensing (patient_id, medicine_id, filled_on) WHERE withdrawn_at IS NULL;

-- As before, but for fills that were taken back.
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
                    WHERE f.patient_id = m.patient_id AND f.medicine_id = m.id AND f.withdrawn_at IS NULL
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
