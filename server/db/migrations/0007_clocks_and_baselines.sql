-- How far each device's clock is off, and what is usual for each patient: both decide how a reading is believed.

CREATE TABLE device_clock (
    device_id       text PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    skew_seconds    double precision NOT NULL DEFAULT 0,   -- server minus device: positive is a slow device
    told_seconds    double precision NOT NULL DEFAULT 0,   -- the skew staff were last told of; 0 while it is right
    basis           text NOT NULL DEFAULT 'status' CHECK (basis IN ('status', 'reading')),   -- of the last observation
    lags            jsonb NOT NULL DEFAULT '[]',           -- what the skew was estimated from: [[ISO duration, seen at], …]
    observed_at     timestamptz NOT NULL,
    FOREIGN KEY (device_id, organization_id) REFERENCES device (id, organization_id)
);

-- The median of the last readings of a patient, by column of `reading`. It counts from five readings on.
CREATE TABLE patient_baseline (
    patient_id      uuid NOT NULL,
    metric          text NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    value           numeric NOT NULL,
    readings        integer NOT NULL,
    as_of           timestamptz NOT NULL,
    PRIMARY KEY (patient_id, metric),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

GRANT SELECT ON device_clock, patient_baseline
   TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON device_clock TO careloop_bridge, careloop_web;   -- readings come over MQTT and over HTTP
GRANT INSERT, UPDATE ON patient_baseline TO careloop_worker;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['device_clock', 'patient_baseline']
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
END $$;

CREATE POLICY web_staff_only ON device_clock AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
CREATE POLICY web_patient ON patient_baseline AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL
        OR patient_id = (SELECT nullif(current_setting('app.patient', true), '')::uuid));
