-- Steps of telling as versions that a second person approves, pages by call, holidays, and a weekly test of each telephone.

-- A version: draft (no valid_from), in effect (valid_from, no valid_to), past or dropped (valid_to). What stands stays.
ALTER TABLE escalation_step
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN drafted_by uuid,                   -- never also the one who approves
    ADD COLUMN drafted_at timestamptz,
    ADD COLUMN ended_by   text,                   -- who dropped a draft; else its successor ended it
    ADD COLUMN valid_from timestamptz DEFAULT now(),
    ADD COLUMN valid_to   timestamptz,
    ADD FOREIGN KEY (drafted_by, organization_id) REFERENCES staff (id, organization_id),
    DROP CONSTRAINT escalation_step_organization_id_team_id_severity_position_key,
    DROP CONSTRAINT escalation_step_channel_check,
    ADD CONSTRAINT escalation_step_channel_check CHECK (channel IN ('sms', 'voice', 'both'));
CREATE UNIQUE INDEX escalation_step_once
    ON escalation_step (organization_id, team_id, severity, version, position) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX escalation_step_current ON escalation_step (organization_id, team_id, severity, position)
    NULLS NOT DISTINCT WHERE valid_from IS NOT NULL AND valid_to IS NULL;
CREATE UNIQUE INDEX escalation_step_one_draft ON escalation_step (organization_id, team_id, severity, position)
    NULLS NOT DISTINCT WHERE valid_from IS NULL AND valid_to IS NULL;

-- A day without working hours, of the organization or of one clinic. Nobody has to be on shift unless it is monitored.
CREATE TABLE holiday (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    clinic_id       uuid,                         -- null: every clinic
    day             date NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    monitored       boolean NOT NULL DEFAULT false,
    cancelled_at    timestamptz,
    FOREIGN KEY (clinic_id, organization_id) REFERENCES clinic (id, organization_id)
);
CREATE UNIQUE INDEX holiday_once ON holiday (organization_id, clinic_id, day) NULLS NOT DISTINCT
    WHERE cancelled_at IS NULL;

-- Each telephone that pages go to is tried once a week; its owner answers, or it is seen that nothing came.
ALTER TABLE team ADD COLUMN test_pages boolean NOT NULL DEFAULT true;
CREATE TABLE page_test (
    staff_id        uuid NOT NULL,
    monday          date NOT NULL CHECK (extract(isodow FROM monday) = 1),
    organization_id uuid NOT NULL REFERENCES organization,
    message_id      uuid NOT NULL,
    made_at         timestamptz NOT NULL,
    answered_at     timestamptz,
    PRIMARY KEY (staff_id, monday),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id)
);
CREATE INDEX page_test_of_message ON page_test (message_id);

GRANT SELECT ON holiday, page_test TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON holiday TO careloop_web;
GRANT INSERT ON page_test TO careloop_worker;
GRANT UPDATE ON page_test TO careloop_web, careloop_worker;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['holiday', 'page_test']
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
