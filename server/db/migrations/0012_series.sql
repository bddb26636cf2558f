-- Rules over a series of readings: how far arrivals were looked at for them, and when each patient is due again.

-- One row for an organization: arrivals up to then were looked at; `swept_to` is how far they were looked at again, for
-- transactions that committed late.
CREATE TABLE series_mark (
    organization_id uuid PRIMARY KEY REFERENCES organization,
    looked_to       timestamptz NOT NULL,
    swept_to        timestamptz NOT NULL
);

-- A patient who is watched: due at the latest each morning, and when an expected measurement can count as missed.
CREATE TABLE series_look (
    patient_id      uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    newest_at       timestamptz,                  -- the newest arrival that was there when they were looked at
    due_at          timestamptz NOT NULL,
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX series_look_due ON series_look (due_at);

-- Of a missed measurement: is it the patient who is silent, or the device? Decided when it is found.
ALTER TABLE finding ADD COLUMN why text CHECK (why IN ('silent_patient', 'silent_device'));
-- A late reading can change what a fact rests on. Nothing is deleted: what no longer counts carries the time.
ALTER TABLE finding_evidence ADD COLUMN superseded_at timestamptz;

GRANT SELECT, INSERT, UPDATE ON series_mark, series_look TO careloop_worker;
GRANT SELECT ON series_mark, series_look TO careloop_auditor, careloop_backup;
GRANT INSERT ON rule TO careloop_worker;          -- the rule of older readings, as the bridge makes it

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['series_mark', 'series_look']
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
