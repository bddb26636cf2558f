-- The auditor: how far it has looked, what it found missing, and the synthetic patient it sends down the whole path.

-- A patient, device and model that stand for nobody. The web never sees them: not in a list, a count or a search.
ALTER TABLE patient ADD COLUMN synthetic boolean NOT NULL DEFAULT false;
ALTER TABLE device ADD COLUMN synthetic boolean NOT NULL DEFAULT false;
ALTER TABLE device_model ADD COLUMN synthetic boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX patient_one_synthetic ON patient (organization_id) WHERE synthetic;
CREATE POLICY web_nobody_synthetic ON patient AS RESTRICTIVE TO careloop_web
    USING (NOT synthetic) WITH CHECK (NOT synthetic);
CREATE POLICY web_nobody_synthetic ON device AS RESTRICTIVE TO careloop_web
    USING (NOT synthetic) WITH CHECK (NOT synthetic);
CREATE POLICY web_nobody_synthetic ON device_model AS RESTRICTIVE TO careloop_web
    USING (NOT synthetic) WITH CHECK (NOT synthetic);

-- From when on an organization is audited (what was imported before is nobody's omission), and how far it was.
CREATE TABLE audit_mark (
    organization_id uuid PRIMARY KEY REFERENCES organization,
    begun_at        timestamptz NOT NULL,
    looked_to       timestamptz NOT NULL
);

-- One row that lacks another. It stays until it holds again, or until a person says that they have seen to it.
CREATE TABLE audit_mismatch (
    organization_id uuid NOT NULL REFERENCES organization,
    kind            text NOT NULL,
    key             text NOT NULL,                -- the id of the row that lacks another
    patient_id      uuid,
    measured_at     timestamptz,
    noticed_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    PRIMARY KEY (organization_id, kind, key)
);
CREATE INDEX audit_mismatch_open ON audit_mismatch (kind) WHERE closed_at IS NULL;

-- One reading of the synthetic patient: milliseconds from sending to each hop; null is a hop that was not reached.
CREATE TABLE canary_run (
    organization_id uuid NOT NULL REFERENCES organization,
    started_at      timestamptz NOT NULL,         -- on the grid of the interval: two auditors make one run
    finished_at     timestamptz,
    missing         text CHECK (missing IN ('setup', 'broker', 'receipt', 'row', 'finding', 'alert', 'page', 'sink')),
    broker_ms       integer,
    receipt_ms      integer,
    row_ms          integer,
    finding_ms      integer,
    alert_ms        integer,
    page_ms         integer,
    sink_ms         integer,
    PRIMARY KEY (organization_id, started_at)
);

-- What came lately is found without reading what came before, and writing pays next to nothing for it.
CREATE INDEX reading_received ON reading USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX arrival_received ON arrival USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX finding_found ON finding USING brin (found_at) WITH (pages_per_range = 32, autosummarize = on);

GRANT INSERT, UPDATE ON audit_mark, audit_mismatch, canary_run TO careloop_auditor;
GRANT SELECT ON audit_mark, audit_mismatch, canary_run TO careloop_auditor, careloop_worker, careloop_backup;
GRANT SELECT ON canary_run TO careloop_web;
GRANT INSERT ON patient, device, device_model, loan, enrolment TO careloop_auditor;
GRANT UPDATE ON alert TO careloop_auditor;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['audit_mark', 'audit_mismatch', 'canary_run']
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

-- The auditor may write of the synthetic patient only.
CREATE POLICY auditor_synthetic ON alert AS RESTRICTIVE FOR UPDATE TO careloop_auditor
    USING (EXISTS (SELECT FROM patient p WHERE p.id = alert.patient_id AND p.synthetic));
CREATE POLICY auditor_synthetic ON enrolment AS RESTRICTIVE FOR INSERT TO careloop_auditor
    WITH CHECK (EXISTS (SELECT FROM patient p WHERE p.id = enrolment.patient_id AND p.synthetic));
CREATE POLICY auditor_synthetic ON patient AS RESTRICTIVE FOR INSERT TO careloop_auditor WITH CHECK (synthetic);
CREATE POLICY auditor_synthetic ON device AS RESTRICTIVE FOR INSERT TO careloop_auditor WITH CHECK (synthetic);
CREATE POLICY auditor_synthetic ON device_model AS RESTRICTIVE FOR INSERT TO careloop_auditor WITH CHECK (synthetic);
CREATE POLICY auditor_synthetic ON loan AS RESTRICTIVE FOR INSERT TO careloop_auditor
    WITH CHECK (EXISTS (SELECT FROM patient p WHERE p.id = loan.patient_id AND p.synthetic));
