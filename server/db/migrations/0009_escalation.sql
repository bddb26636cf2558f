-- Who is told next when nobody answers, how far each alert and alarm has come with it, and the roster behind it.

-- One step: who is told how long after the page was due. A team's own steps stand instead of the organization's.
CREATE TABLE escalation_step (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    team_id         uuid,                         -- null: every team without steps of its own
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    position        integer NOT NULL CHECK (position >= 0),
    after           interval NOT NULL CHECK (after >= interval '0'),
    business_day    boolean NOT NULL DEFAULT false,   -- then at nine on the next working day, on the organization's clock
    who             text[] NOT NULL CHECK (who <> '{}' AND who <@ ARRAY[
                    'on_shift', 'backup', 'charge_nurse', 'clinician', 'admin', 'fallback']),
    channel         text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms')),
    again           interval CHECK (again >= interval '1 minute'),   -- of the last step: said again so often
    source          text NOT NULL,
    author          text NOT NULL,
    approved_by     text,
    approved_at     timestamptz,
    UNIQUE NULLS NOT DISTINCT (organization_id, team_id, severity, position),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id)
);

-- How far one alert or alarm has come. A round begins when the page is due: when it opens, worsens, or returns.
CREATE TABLE escalation (
    id              uuid PRIMARY KEY,             -- the alert's or the alarm's own
    organization_id uuid NOT NULL REFERENCES organization,
    kind            text NOT NULL CHECK (kind IN ('alert', 'alarm')),
    patient_id      uuid,
    team_id         uuid NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    round           integer NOT NULL DEFAULT 0,
    position        integer NOT NULL DEFAULT 0,   -- how many steps were taken in this round
    started_at      timestamptz NOT NULL,
    stepped_at      timestamptz NOT NULL,         -- when the last step was taken
    due_at          timestamptz NOT NULL,         -- when the next one is
    repeating       boolean NOT NULL DEFAULT false,   -- every step was taken; the last is said again and again
    ended_at        timestamptz,                  -- resolved
    CHECK ((kind = 'alert') = (patient_id IS NOT NULL)),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id)
);
CREATE INDEX escalation_standing ON escalation (due_at) WHERE ended_at IS NULL;

ALTER TABLE message ADD COLUMN alarm_id uuid;     -- a page about an alarm
CREATE INDEX message_page_of_alert ON message (alert_id, created_at) WHERE purpose = 'page' AND alert_id IS NOT NULL;
CREATE INDEX message_page_of_alarm ON message (alarm_id, created_at) WHERE purpose = 'page' AND alarm_id IS NOT NULL;
CREATE INDEX message_page_to ON message (organization_id, to_hash, created_at) WHERE purpose = 'page';

ALTER TABLE team
    ADD COLUMN charge_nurse_id uuid,              -- told third
    ADD COLUMN fallback_id     uuid,              -- told when nobody is on shift
    ADD FOREIGN KEY (charge_nurse_id, organization_id) REFERENCES staff (id, organization_id),
    ADD FOREIGN KEY (fallback_id, organization_id) REFERENCES staff (id, organization_id);

ALTER TABLE shift ADD COLUMN cancelled_at timestamptz;   -- nobody deletes

CREATE TABLE time_off (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    staff_id        uuid NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    cancelled_at    timestamptz,
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id)
);
CREATE INDEX time_off_of ON time_off (staff_id, ends_at) WHERE cancelled_at IS NULL;

-- The hours in which somebody must be on shift, on the organization's clock. A team without any: round the clock.
CREATE TABLE monitored_hours (
    team_id         uuid NOT NULL,
    weekday         integer NOT NULL CHECK (weekday BETWEEN 0 AND 6),   -- 0 is Monday
    opens_minute    integer NOT NULL CHECK (opens_minute BETWEEN 0 AND 1439),
    closes_minute   integer NOT NULL CHECK (closes_minute BETWEEN opens_minute AND 1440),   -- as opens: not that day
    organization_id uuid NOT NULL REFERENCES organization,
    PRIMARY KEY (team_id, weekday),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id)
);

-- A week somebody declared complete.
CREATE TABLE roster_week (
    team_id         uuid NOT NULL,
    monday          date NOT NULL CHECK (extract(isodow FROM monday) = 1),
    organization_id uuid NOT NULL REFERENCES organization,
    published_at    timestamptz NOT NULL,
    published_by    uuid NOT NULL,
    PRIMARY KEY (team_id, monday),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id),
    FOREIGN KEY (published_by, organization_id) REFERENCES staff (id, organization_id)
);

GRANT SELECT ON escalation_step, escalation, monitored_hours, roster_week
   TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT SELECT ON time_off TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON escalation_step TO careloop_web, careloop_worker;
GRANT INSERT, UPDATE ON escalation TO careloop_worker;
GRANT INSERT, UPDATE ON time_off, monitored_hours, roster_week TO careloop_web;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['escalation_step', 'escalation', 'time_off', 'monitored_hours', 'roster_week']
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
