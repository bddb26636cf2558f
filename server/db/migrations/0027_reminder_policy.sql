-- What the policy of reminders asks for beside 0023: is something more urgent still to come today; and a ledger by days.

-- Of the rules whose priority is 3 or less, is something planned for later on the patient's day? The last text of a day
-- is kept for it.
CREATE FUNCTION reminder_urgent_later(patient uuid, zone text, at timestamptz) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM patient p
          JOIN reminder_rule u ON u.organization_id = p.organization_id AND u.priority <= 3 AND u.enabled
          JOIN reminder r ON r.patient_id = p.id AND r.reminder_rule_id = u.id
         WHERE p.id = $1 AND r.status = 'planned' AND r.due_at > $3
           AND r.slot >= date_trunc('day', $3 AT TIME ZONE $2)
           AND r.slot < date_trunc('day', $3 AT TIME ZONE $2) + interval '1 day'
           AND (r.due_at AT TIME ZONE $2)::date = ($3 AT TIME ZONE $2)::date)
$$;

-- Slots are planned in about their order, so a small index of ranges finds the days of the ledger's page.
CREATE INDEX reminder_by_day ON reminder USING brin (slot);
