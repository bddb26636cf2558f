-- What patients read in parts and are asked now and then; shipped as data for clinical sign-off, an organization's own.

-- A series belongs to a programme's patients. Texts are {"en": …, "es": …}.
CREATE TABLE education_series (
    organization_id uuid NOT NULL REFERENCES organization,
    code            text NOT NULL,
    programme_id    uuid NOT NULL,
    title           jsonb NOT NULL,
    source          text NOT NULL CHECK (source <> ''),
    author          text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    approved_by     text,
    approved_at     timestamptz,
    PRIMARY KEY (organization_id, code),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);

CREATE TABLE education_part (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    series          text NOT NULL,
    position        integer NOT NULL CHECK (position >= 1),
    day             integer NOT NULL CHECK (day BETWEEN 0 AND 365), -- so many days after the enrolment's own, on the patient's calendar
    title           jsonb NOT NULL,
    body            jsonb NOT NULL,
    UNIQUE (organization_id, series, position),
    UNIQUE (organization_id, series, day),
    FOREIGN KEY (organization_id, series) REFERENCES education_series (organization_id, code)
);

-- `read_at` is empty again when the patient takes it back.
CREATE TABLE education_read (
    patient_id      uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    part_id         uuid NOT NULL REFERENCES education_part,
    read_at         timestamptz,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (patient_id, part_id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

-- The newest version is asked; answers keep the version they were given to.
CREATE TABLE questionnaire (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    code            text NOT NULL,
    version         integer NOT NULL CHECK (version >= 1),
    programme_id    uuid NOT NULL,
    every_days      integer NOT NULL CHECK (every_days BETWEEN 1 AND 366),
    content         jsonb NOT NULL,
    source          text NOT NULL CHECK (source <> ''),
    author          text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    approved_by     text,
    approved_at     timestamptz,
    UNIQUE (organization_id, code, version),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);

-- The gap that keeping this appointment put to "awaiting the result", so that taking it back puts it back.
ALTER TABLE appointment ADD COLUMN awaited_gap_id uuid;
CREATE INDEX appointment_newest ON appointment (patient_id, starts_at);

GRANT SELECT ON education_series, education_part, education_read, questionnaire
   TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON education_series, education_part, education_read, questionnaire TO careloop_web;
GRANT INSERT ON education_series, education_part, questionnaire TO careloop_worker;  -- what an upgrade brought

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['education_series', 'education_part', 'education_read', 'questionnaire']
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
    -- Patients read what is for everybody, and write none of it.
    FOREACH t IN ARRAY ARRAY['education_series', 'education_part', 'questionnaire']
    LOOP
        EXECUTE format('CREATE POLICY web_staff_adds ON %I AS RESTRICTIVE FOR INSERT TO careloop_web
            WITH CHECK ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL)', t);
        EXECUTE format('CREATE POLICY web_staff_changes ON %I AS RESTRICTIVE FOR UPDATE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL)', t);
    END LOOP;
END $$;

CREATE POLICY web_patient ON education_read AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL
        OR patient_id = (SELECT nullif(current_setting('app.patient', true), '')::uuid));
