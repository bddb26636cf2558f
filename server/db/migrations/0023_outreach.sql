-- Outreach of every kind: what a reminder is about, when it may not go, by which way it goes, and what a person must do.

ALTER TABLE reminder_rule DROP CONSTRAINT reminder_rule_kind_check;
ALTER TABLE reminder_rule
    ADD CONSTRAINT reminder_rule_kind_check CHECK (kind IN ('measurement', 'screening', 'vaccination', 'medicine',
        'refill', 'appointment', 'questionnaire', 'education')),
    -- Of several due together the lowest number is said first, and is kept when a cap lets only some through.
    ADD COLUMN priority     smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    -- How long after its hour it still makes sense; later it is dropped.
    ADD COLUMN lasts_hours  integer NOT NULL DEFAULT 24 CHECK (lasts_hours BETWEEN 1 AND 168),
    ADD COLUMN hours_before integer CHECK (hours_before BETWEEN 1 AND 336),  -- appointment: so long before it starts
    ADD COLUMN subject      text;                                          -- questionnaire, education: its code
-- Which medicine, appointment, questionnaire or part of a series; a slot stays (patient, rule, local date and time).
ALTER TABLE reminder ADD COLUMN subject_id uuid;
CREATE INDEX reminder_of_message ON reminder (message_id) WHERE message_id IS NOT NULL;

ALTER TABLE patient ADD COLUMN region text CHECK (region ~ '^[A-Z]{2}$');  -- the US state they live in, if known

ALTER TABLE organization
    ADD COLUMN reminders_a_day  integer NOT NULL DEFAULT 4 CHECK (reminders_a_day BETWEEN 1 AND 20),
    ADD COLUMN reminders_a_week integer NOT NULL DEFAULT 21 CHECK (reminders_a_week BETWEEN 1 AND 100);

-- What the patient asks for beyond the law: their own quiet hours, and by which ways in which order.
CREATE TABLE contact_preference (
    patient_id      uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    opens           time NOT NULL DEFAULT '08:00',
    closes          time NOT NULL DEFAULT '21:00' CHECK (closes > opens),
    channels        text[] NOT NULL DEFAULT '{sms,voice,email,portal}'
                    CHECK (channels <@ '{sms,voice,email,portal}' AND cardinality(channels) > 0),
    with_links      boolean NOT NULL DEFAULT true,  -- false: a phone that shows texts and nothing else
    author          text NOT NULL,
    changed_at      timestamptz NOT NULL,
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

-- What is known of a number, whoever shares it: a carrier's block and a landline belong to the number.
CREATE TABLE telephone (
    organization_id uuid NOT NULL REFERENCES organization,
    phone_hash      bytea NOT NULL,
    line_type       text NOT NULL DEFAULT 'unknown' CHECK (line_type IN ('unknown', 'mobile', 'landline', 'voip')),
    cannot_text     text,                        -- the provider's error code, or why a person says so
    cannot_call     text,
    verified_at     timestamptz,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, phone_hash)
);

-- Further ways to a patient beside their own number (`patient.phone`): a second number, an address, a proxy's.
CREATE TABLE contact_point (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    proxy_id        uuid,                        -- whose it is, when not the patient's own
    channel         text NOT NULL CHECK (channel IN ('sms', 'voice', 'email')),
    address         text NOT NULL CHECK (address <> ''),
    address_hash    bytea NOT NULL,
    language        text NOT NULL CHECK (language IN ('en', 'es')),
    rank            integer NOT NULL,            -- lower is tried first; the patient's own number comes before all
    topics          text[] NOT NULL DEFAULT '{}' CHECK (topics <@ '{monitoring,outreach}'),  -- a proxy's own consent
    author          text NOT NULL,
    source          text NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE UNIQUE INDEX contact_point_current ON contact_point (patient_id, channel, address_hash) WHERE valid_to IS NULL;
CREATE INDEX contact_point_by_address ON contact_point (organization_id, address_hash) WHERE valid_to IS NULL;

-- A switch that stops reminders: all, of a kind, or of a measure (a vaccine that is out of stock), perhaps at one clinic.
CREATE TABLE stop_switch (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    clinic_id       uuid,
    kind            text,
    measure         text,
    reason          text NOT NULL CHECK (reason <> ''),
    stopped_at      timestamptz NOT NULL,
    stopped_by      text NOT NULL,
    ended_at        timestamptz,
    ended_by        text,
    CHECK (kind IS NULL OR measure IS NULL),
    FOREIGN KEY (clinic_id, organization_id) REFERENCES clinic (id, organization_id)
);
CREATE INDEX stop_switch_on ON stop_switch (organization_id) WHERE ended_at IS NULL;

CREATE TABLE appointment (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    starts_at       timestamptz NOT NULL,
    measure         text,                        -- what it will settle: no text asks for what is booked
    status          text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'cancelled', 'fulfilled', 'noshow')),
    author          text NOT NULL,
    source          text NOT NULL,               -- staff, csv
    recorded_at     timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE UNIQUE INDEX appointment_once ON appointment (patient_id, starts_at) WHERE status = 'booked';
CREATE INDEX appointment_ahead ON appointment (starts_at) WHERE status = 'booked';

-- What a person must do: a call, a letter, a number to correct. One open task per subject.
CREATE TABLE task (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid,
    kind            text NOT NULL,               -- call_for_gap, bad_number, unreachable, text_unresolved, reply_unclear …
    subject         text NOT NULL,
    says            text NOT NULL,               -- what to do, in a sentence, without health data
    opened_at       timestamptz NOT NULL,
    due_on          date NOT NULL,
    taken_by        uuid,
    taken_at        timestamptz,
    closed_at       timestamptz,
    closed_by       text,
    outcome         text,
    note            text,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX task_open ON task (organization_id, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX task_of_patient ON task (patient_id) WHERE patient_id IS NOT NULL;

-- A message in the portal, seen after signing in; the outbox "delivers" it by being there.
ALTER TABLE message ADD COLUMN seen_at timestamptz;
ALTER TABLE message ADD COLUMN contact_point_id uuid;   -- which way it went, when not by the patient's own number
CREATE INDEX message_reminders_of_patient ON message (patient_id, created_at)
 WHERE purpose = 'reminder' AND patient_id IS NOT NULL;

GRANT SELECT ON contact_preference, telephone, contact_point, stop_switch, appointment, task
   TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON contact_preference, telephone, contact_point, stop_switch, appointment, task TO careloop_web;
GRANT INSERT, UPDATE ON telephone, task TO careloop_worker;
GRANT UPDATE ON contact_point TO careloop_worker;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contact_preference', 'telephone', 'contact_point', 'stop_switch', 'appointment', 'task']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY web_organization ON %I TO careloop_web
            USING (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))
            WITH CHECK (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))', t);
        EXECUTE format('CREATE POLICY service ON %I TO careloop_bridge, careloop_worker, careloop_auditor
            USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['contact_preference', 'contact_point', 'appointment', 'task']
    LOOP
        EXECUTE format('CREATE POLICY web_patient ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL
                OR patient_id = (SELECT nullif(current_setting(''app.patient'', true), '''')::uuid))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['telephone', 'stop_switch']
    LOOP
        EXECUTE format('CREATE POLICY web_staff_only ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL)', t);
    END LOOP;
END $$;

-- "Taken" or "not taken", as the patient says it about a reminder of medicines.
CREATE TABLE intake (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    reminder_id     uuid,
    taken           boolean NOT NULL,
    said_at         timestamptz NOT NULL,
    source          text NOT NULL,               -- text, portal, staff
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX intake_of_reminder ON intake (patient_id, reminder_id) WHERE reminder_id IS NOT NULL;

CREATE TABLE questionnaire_response (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    code            text NOT NULL,
    version         integer NOT NULL,
    answers         jsonb NOT NULL,
    answered_at     timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX questionnaire_response_newest ON questionnaire_response (patient_id, code, answered_at);

GRANT SELECT ON intake, questionnaire_response TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT ON intake, questionnaire_response TO careloop_web;
GRANT INSERT ON intake TO careloop_worker;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['intake', 'questionnaire_response']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY web_organization ON %I TO careloop_web
            USING (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))
            WITH CHECK (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))', t);
        EXECUTE format('CREATE POLICY service ON %I TO careloop_bridge, careloop_worker, careloop_auditor
            USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY web_patient ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL
                OR patient_id = (SELECT nullif(current_setting(''app.patient'', true), '''')::uuid))', t);
    END LOOP;
END $$;

-- A local time as a moment. One that the clocks skip is the first minute after them; one that comes twice is its first.
CREATE FUNCTION valid_at(slot timestamp, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN t.at AT TIME ZONE zone <> slot THEN (
            SELECT min(b) FROM generate_series(t.at - ((t.at AT TIME ZONE zone) - slot), t.at, interval '1 minute') AS b
             WHERE (b AT TIME ZONE zone) - (b AT TIME ZONE 'UTC') = (t.at AT TIME ZONE zone) - (t.at AT TIME ZONE 'UTC'))
        WHEN (t.at - interval '1 hour') AT TIME ZONE zone = slot THEN t.at - interval '1 hour'
        WHEN (t.at - interval '30 minutes') AT TIME ZONE zone = slot THEN t.at - interval '30 minutes'
        ELSE t.at END
      FROM (SELECT slot AT TIME ZONE zone AS at) AS t
$$;

-- Is what the reminder would say still so? Asked when it is queued and again when it is sent.
CREATE FUNCTION reminder_reason_there(patient uuid, reminder uuid, at timestamptz) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE u.kind
        WHEN 'measurement' THEN NOT EXISTS (
            SELECT FROM reading d WHERE d.patient_id = r.patient_id
               AND d.measured_at > valid_at(r.slot - make_interval(days => u.after_days), p.zone))
        WHEN 'medicine' THEN EXISTS (
            SELECT FROM medicine m
             WHERE m.patient_id = r.patient_id AND m.stopped_at IS NULL AND NOT m.as_needed
               AND (r.subject_id IS NULL OR m.id = r.subject_id)
               AND r.slot::date >= m.starts_on AND (m.ends_on IS NULL OR r.slot::date <= m.ends_on))
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

-- Has somebody switched this off? For all, for the kind, or for the measure, here or everywhere.
CREATE FUNCTION reminder_stopped(organization uuid, clinic uuid, kind_of text, measure_of text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM stop_switch s
         WHERE s.organization_id = $1 AND s.ended_at IS NULL
           AND (s.clinic_id IS NULL OR s.clinic_id = $2)
           AND (s.kind IS NULL OR s.kind = $3) AND (s.measure IS NULL OR s.measure = $4))
$$;
