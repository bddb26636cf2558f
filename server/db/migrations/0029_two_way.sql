-- What patients say by text: values in doubt and whose they may be, what came of each text, and what staff write back.

-- Something texted that is not filed: whose it is (`who`), or what it is (`what`), was asked back once. Its id is the
-- anchor of what was found in it meanwhile: doubt is not silence.
CREATE TABLE texted_doubt (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    reply_id        uuid NOT NULL REFERENCES reply,
    from_hash       bytea NOT NULL,
    to_number       text NOT NULL,
    asks            text NOT NULL CHECK (asks IN ('who', 'what')),
    kind            text NOT NULL,               -- blood_pressure …; intake: taken or not
    said            jsonb NOT NULL,              -- the numbers as they were typed, or {"taken": true}
    people          uuid[] NOT NULL,             -- in the order of the numbers they were given in the question
    measured_at     timestamptz NOT NULL,        -- when the text came
    deadline        timestamptz NOT NULL,
    settled_at      timestamptz,
    settled_as      text CHECK (settled_as IN ('filed', 'said_again', 'to_staff')),
    settled_for     uuid,
    CHECK ((settled_at IS NULL) = (settled_as IS NULL))
);
CREATE INDEX texted_doubt_open ON texted_doubt (organization_id, from_hash) WHERE settled_at IS NULL;
CREATE INDEX texted_doubt_due ON texted_doubt (deadline) WHERE settled_at IS NULL;
CREATE INDEX texted_doubt_of_reply ON texted_doubt (reply_id);

-- What we did because of a text: staff see it beside the words.
CREATE TABLE reply_deed (
    reply_id        uuid NOT NULL REFERENCES reply,
    organization_id uuid NOT NULL REFERENCES organization,
    position        integer NOT NULL,
    deed            text NOT NULL,               -- reading, alert, gap_reported, intake_taken, task, alarm …
    patient_id      uuid,
    subject_id      uuid,                        -- of the alert, gap, reading
    done_at         timestamptz NOT NULL,
    PRIMARY KEY (reply_id, position)
);

-- Until that day no text is about this gap: the patient said "later", or "not for me" for the whole period.
ALTER TABLE gap ADD COLUMN no_text_before date;
-- Who of the staff wrote this text to a patient with their own hands.
ALTER TABLE message ADD COLUMN written_by uuid;
CREATE INDEX message_to_number ON message (to_hash, created_at);
CREATE INDEX reply_of_number ON reply (organization_id, from_hash, received_at);

GRANT SELECT ON texted_doubt, reply_deed TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON texted_doubt TO careloop_web, careloop_worker;
GRANT INSERT ON reply_deed TO careloop_web, careloop_worker;
GRANT INSERT ON reading TO careloop_worker;      -- a text that a crash left behind may hold one

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['texted_doubt', 'reply_deed']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY web_organization ON %I TO careloop_web
            USING (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))
            WITH CHECK (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))', t);
        EXECUTE format('CREATE POLICY service ON %I TO careloop_bridge, careloop_worker, careloop_auditor
            USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY web_staff_only ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL)', t);
    END LOOP;
END $$;

-- The reason is gone too when the patient does not want to hear of this gap yet, or not in this period.
ALTER FUNCTION reminder_reason_there(uuid, uuid, timestamptz) RENAME TO reminder_reason_by_kind;
CREATE FUNCTION reminder_reason_there(patient uuid, reminder uuid, at timestamptz) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT reminder_reason_by_kind($1, $2, $3) AND NOT EXISTS (
        SELECT FROM reminder r
          JOIN gap g ON g.patient_id = r.patient_id AND g.id = r.gap_id
          JOIN patient p ON p.id = r.patient_id
         WHERE r.patient_id = $1 AND r.id = $2 AND g.no_text_before > ($3 AT TIME ZONE p.zone)::date)
$$;
