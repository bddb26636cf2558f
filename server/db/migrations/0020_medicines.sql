-- What a patient takes, when, and what was dispensed: entered by staff until records come from elsewhere.

CREATE TABLE medicine (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    rxnorm          text CHECK (rxnorm ~ '^[0-9]+$'),
    adherence_class text NOT NULL DEFAULT 'other' CHECK (adherence_class IN
                    ('renin_angiotensin', 'statin', 'diabetes', 'insulin', 'sacubitril_valsartan', 'other')),
    at_times        time[] NOT NULL DEFAULT '{}', -- on the patient's clock
    every_hours     integer CHECK (every_hours BETWEEN 1 AND 168),
    first_dose_at   timestamptz,                  -- from which an interval counts
    as_needed       boolean NOT NULL DEFAULT false,
    starts_on       date NOT NULL,
    ends_on         date CHECK (ends_on >= starts_on),
    source          text NOT NULL,                -- staff, csv
    author          text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    stopped_at      timestamptz,
    stopped_by      text,
    PRIMARY KEY (patient_id, id),
    CHECK ((at_times <> '{}')::int + (every_hours IS NOT NULL)::int + as_needed::int = 1),
    CHECK ((every_hours IS NULL) = (first_dose_at IS NULL)),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE UNIQUE INDEX medicine_current ON medicine (patient_id, lower(name)) WHERE stopped_at IS NULL;

-- One fill at a pharmacy: so many days from that day on.
CREATE TABLE dispensing (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    medicine_id     uuid NOT NULL,
    filled_on       date NOT NULL,
    days_supply     integer NOT NULL CHECK (days_supply BETWEEN 1 AND 365),
    source          text NOT NULL,
    author          text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    UNIQUE (patient_id, medicine_id, filled_on),  -- the same fill told twice is one
    FOREIGN KEY (patient_id, medicine_id) REFERENCES medicine (patient_id, id)
);

GRANT SELECT ON medicine, dispensing TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON medicine, dispensing TO careloop_web;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['medicine', 'dispensing']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY web_organization ON %I TO careloop_web
            USING (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))
            WITH CHECK (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))', t);
        EXECUTE format('CREATE POLICY service ON %I TO careloop_bridge, careloop_worker, careloop_auditor
            USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY web_patient ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL
                OR patient_id = (SELECT nullif(current_setting(''app.patient'', true), '''')::uuid))', t);
    END LOOP;
END $$;
