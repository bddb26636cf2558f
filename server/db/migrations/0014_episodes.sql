-- Episodes: an alert laid aside for a while with an owner, a reason and an end; a high one lowered after a better reading.

-- An alert that waits for nobody until `ends_at`. What ended it is written by the worker; whether it stands is asked of
-- the alert as well: one that got worse or was answered is not laid aside, from that commit on.
CREATE TABLE snooze (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    alert_id        uuid NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium')),   -- the alert's at that time; never high
    staff_id        uuid NOT NULL,                -- who answers for it
    reason          text NOT NULL CHECK (reason IN
                    ('measure_again', 'call_arranged', 'treatment_changed', 'clinician_knows', 'device', 'other')),
    note            text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    ended_at        timestamptz,
    ended_why       text CHECK (ended_why IN ('expired', 'worse', 'woken', 'answered')),
    ended_by        uuid,
    PRIMARY KEY (patient_id, id),
    CONSTRAINT snooze_72_hours CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '72 hours'),
    CONSTRAINT snooze_other_says_what CHECK (reason <> 'other' OR note <> ''),
    CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (patient_id, alert_id) REFERENCES alert (patient_id, id),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id),
    FOREIGN KEY (ended_by, organization_id) REFERENCES staff (id, organization_id)
);
CREATE UNIQUE INDEX snooze_one ON snooze (patient_id, alert_id) WHERE ended_at IS NULL;
CREATE INDEX snooze_of_alert ON snooze (patient_id, alert_id);
CREATE INDEX snooze_standing ON snooze (organization_id, ends_at) WHERE ended_at IS NULL;

-- Somebody saw a later reading within limits and lowered a high alert to medium; `raised_at`: somebody took that back.
CREATE TABLE lowering (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    alert_id        uuid NOT NULL,
    staff_id        uuid NOT NULL,
    reading_id      uuid NOT NULL,                -- the later reading; no foreign key points at reading
    measured_at     timestamptz NOT NULL,         -- when it was measured
    lowered_at      timestamptz NOT NULL,
    raised_at       timestamptz,
    raised_by       uuid,
    PRIMARY KEY (patient_id, id),
    CHECK ((raised_at IS NULL) = (raised_by IS NULL)),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (patient_id, alert_id) REFERENCES alert (patient_id, id),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id),
    FOREIGN KEY (raised_by, organization_id) REFERENCES staff (id, organization_id)
);
CREATE INDEX lowering_of_alert ON lowering (patient_id, alert_id);

-- How often a chain began again with another severity: no page of a later chain may have an earlier one's name.
ALTER TABLE escalation ADD COLUMN begun integer NOT NULL DEFAULT 0;

-- The history of one alert.
CREATE INDEX audit_of_alert ON audit (subject) WHERE action LIKE 'alert.%';

GRANT SELECT ON snooze, lowering TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON snooze, lowering TO careloop_web;
GRANT UPDATE ON snooze TO careloop_worker;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['snooze', 'lowering']
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

-- A high alert cannot be laid aside, whatever is written here: the row must carry the alert's own severity.
CREATE POLICY never_on_high ON snooze AS RESTRICTIVE FOR INSERT
    WITH CHECK (EXISTS (SELECT FROM alert a WHERE a.patient_id = snooze.patient_id AND a.id = snooze.alert_id
                           AND a.severity = snooze.severity AND a.status <> 'resolved'));
