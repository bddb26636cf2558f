-- Life happens: whether a patient is monitored now, since when and why; and limits of their own that can be taken back.

-- The current state stays on the patient. A pause may end by itself; what is usual is counted from `rebaseline_from` on.
ALTER TABLE patient
    ADD COLUMN monitoring_until timestamptz,
    ADD COLUMN rebaseline_from  timestamptz,
    ADD CONSTRAINT patient_paused_until CHECK (monitoring_until IS NULL OR monitoring_status = 'paused');
CREATE INDEX patient_back_at ON patient (monitoring_until) WHERE monitoring_until IS NOT NULL;

-- Every change of it: the state it led to, and who said why. Undoing is a change too.
CREATE TABLE monitoring_change (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'paused', 'hospice', 'deceased', 'left')),
    reason          text NOT NULL,                -- coded: hospital, travel, device_away, moved …
    note            text NOT NULL DEFAULT '',
    until           timestamptz,
    rebaseline_from timestamptz,
    changed_by      text NOT NULL,                -- staff:<id>, or the service that brought them back
    changed_at      timestamptz NOT NULL,
    undoes          uuid,
    CHECK (until IS NULL OR status = 'paused'),
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

-- Every change of a patient's own limits: who, why, what it set. Undoing is a change too.
CREATE TABLE limit_change (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    rule_id         uuid NOT NULL,
    action          text NOT NULL CHECK (action IN ('set', 'end', 'undo')),
    levels          jsonb NOT NULL,               -- [{metric, side, severity, value}]; no value: the general one again
    ends_at         timestamptz,
    locked          boolean NOT NULL DEFAULT false,
    reason          text NOT NULL CHECK (reason <> ''),
    author          text NOT NULL,                -- staff:<id>
    changed_at      timestamptz NOT NULL,
    undoes          uuid,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id)
);

-- Which change began a version and which ended it; `ends_at` is when it would have ended by itself. Two versions of one
-- level never hold at once.
ALTER TABLE patient_limit
    ADD COLUMN change_id uuid,
    ADD COLUMN ended_by  uuid,
    ADD COLUMN ends_at   timestamptz,
    ADD CONSTRAINT patient_limit_one_at_a_time EXCLUDE USING gist (
        patient_id WITH =, rule_id WITH =, metric WITH =, side WITH =, severity WITH =,
        tstzrange(valid_from, valid_to) WITH &&);

GRANT SELECT ON monitoring_change, limit_change TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT ON monitoring_change TO careloop_web, careloop_worker;
GRANT INSERT ON limit_change TO careloop_web;
GRANT UPDATE (monitoring_status, monitoring_until, rebaseline_from) ON patient TO careloop_worker;
GRANT UPDATE ON patient_baseline TO careloop_web;   -- who comes back begins anew at once

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['monitoring_change', 'limit_change']
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
