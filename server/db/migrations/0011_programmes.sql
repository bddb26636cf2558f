-- Programmes and rules as data: what each programme expects, what it adds to a rule, and rules over a series of readings.

-- Versions of a programme: like a rule's, the current one has no end.
CREATE TABLE programme_version (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    programme_id    uuid NOT NULL,
    version         integer NOT NULL,
    explains        text NOT NULL,                -- protocol text: what staff of this programme do and look for
    source          text NOT NULL,
    author          text NOT NULL,
    around_the_clock boolean NOT NULL DEFAULT true,   -- false: outside monitored hours a patient is told so
    -- Minutes a blood-pressure page may wait for the patient's own answer. Counts only once approved.
    page_waits_minutes integer NOT NULL DEFAULT 0 CHECK (page_waits_minutes BETWEEN 0 AND 10),
    approved_by     text,
    approved_at     timestamptz,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    UNIQUE (programme_id, version),
    UNIQUE (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);
CREATE UNIQUE INDEX programme_version_current ON programme_version (programme_id) WHERE valid_to IS NULL;

-- When a patient of the programme measures, on their own clock. A window that ends at 24:00 ends at midnight.
CREATE TABLE expected_measurement (
    programme_version_id uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    vital           text NOT NULL,                -- a reading's kind
    opens           time NOT NULL,
    closes          time NOT NULL CHECK (closes > opens),
    weekdays        integer[] NOT NULL DEFAULT '{0,1,2,3,4,5,6}' CHECK (weekdays <@ '{0,1,2,3,4,5,6}'),   -- 0 is Monday
    PRIMARY KEY (programme_version_id, vital, opens),
    FOREIGN KEY (programme_version_id, organization_id) REFERENCES programme_version (id, organization_id)
);

-- 'crossing' is judged with each reading; the others are judged over a patient's series, with these parameters.
ALTER TABLE rule ADD COLUMN kind text NOT NULL DEFAULT 'crossing'
    CHECK (kind IN ('crossing', 'average', 'count', 'sustained', 'trend', 'flag', 'missing'));
ALTER TABLE rule_version ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}';

-- Levels that a version of a rule has for one programme's patients, beside its general ones; the stricter counts.
CREATE TABLE programme_limit (
    rule_version_id uuid NOT NULL,
    programme_id    uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    metric          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('at_or_above', 'above', 'at_or_below', 'below')),
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    value           numeric NOT NULL,
    PRIMARY KEY (rule_version_id, programme_id, metric, side, severity),
    FOREIGN KEY (rule_version_id, organization_id) REFERENCES rule_version (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);

-- What staff read on an alert of a patient of this programme, beside the rule's own text.
CREATE TABLE rule_protocol (
    rule_version_id uuid NOT NULL,
    programme_id    uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    explains        text NOT NULL,
    source          text NOT NULL,
    PRIMARY KEY (rule_version_id, programme_id),
    FOREIGN KEY (rule_version_id, organization_id) REFERENCES rule_version (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);

-- A patient's own limit may end by itself (`valid_to` in the future). A locked one only a clinician changes.
ALTER TABLE patient_limit ADD COLUMN locked boolean NOT NULL DEFAULT false;

GRANT SELECT ON programme_version, expected_measurement, programme_limit, rule_protocol
   TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON programme_version, expected_measurement, programme_limit, rule_protocol TO careloop_web;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['programme_version', 'expected_measurement', 'programme_limit', 'rule_protocol']
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
