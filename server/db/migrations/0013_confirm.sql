-- The confirm loop: what a patient was asked after a crisis reading, until when, and what came of it.

CREATE TABLE confirmation (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    alert_id        uuid NOT NULL,
    vital           text NOT NULL,                -- a reading's kind
    asks            text NOT NULL CHECK (asks IN ('blood_pressure', 'glucose_low', 'glucose_high', 'spo2')),
    pregnancy       boolean NOT NULL DEFAULT false,   -- other symptoms are asked for
    -- The reading asked about; of two, the further beyond the limit is the worse. No value: the meter's HI or LO.
    reading_id      uuid NOT NULL,
    measured_at     timestamptz NOT NULL,
    metric          text NOT NULL,
    side            text NOT NULL,
    value           numeric,
    state           text NOT NULL DEFAULT 'asked' CHECK (state IN
                    ('asked', 'danger', 'symptoms', 'confirmed', 'normal_retake', 'no_answer', 'withdrawn')),
    asked_at        timestamptz NOT NULL,
    deadline        timestamptz NOT NULL CHECK (deadline > asked_at),
    page_waited     boolean NOT NULL DEFAULT false,   -- the page was held back for the answer
    message_id      uuid,                         -- the text; null: there is none …
    untold          text,                         -- … and why: opted_out, no_number, no_consent …
    no_symptoms_at  timestamptz,                  -- what the patient said, whatever the state was then
    symptoms_at     timestamptz,
    ended_at        timestamptz,
    CHECK ((state = 'asked') = (ended_at IS NULL)),
    CHECK ((message_id IS NULL) = (untold IS NOT NULL)),
    CHECK (NOT page_waited OR message_id IS NOT NULL AND asks = 'blood_pressure'
           AND deadline <= asked_at + interval '10 minutes'),
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (patient_id, alert_id) REFERENCES alert (patient_id, id)
);
-- One question at a time; only what to do about low sugar waits for no other question.
CREATE UNIQUE INDEX confirmation_one_open ON confirmation (patient_id, (asks = 'glucose_low')) WHERE state = 'asked';
CREATE INDEX confirmation_open ON confirmation (deadline) WHERE state = 'asked';
CREATE INDEX confirmation_of_alert ON confirmation (alert_id, asked_at);
CREATE INDEX confirmation_of_patient ON confirmation (patient_id, asked_at);

-- Until then nobody is paged: an approved programme lets a blood-pressure page wait for the patient's answer.
ALTER TABLE alert
    ADD COLUMN page_not_before timestamptz,
    ADD CONSTRAINT alert_page_waits_ten_minutes CHECK (page_not_before <= opened_at + interval '10 minutes');
CREATE INDEX alert_page_waits ON alert (patient_id) WHERE page_not_before IS NOT NULL;

GRANT SELECT ON confirmation TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON confirmation TO careloop_web, careloop_bridge, careloop_worker;

ALTER TABLE confirmation ENABLE ROW LEVEL SECURITY;
ALTER TABLE confirmation FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON confirmation TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON confirmation TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON confirmation TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_patient ON confirmation AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL
        OR patient_id = (SELECT nullif(current_setting('app.patient', true), '')::uuid));
