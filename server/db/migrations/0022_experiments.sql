-- Does outreach work? Some patients, chosen by a fixed rule and not by anybody, are not texted while an experiment runs.
CREATE TABLE experiment (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    measure         text NOT NULL,
    hold_out_percent integer NOT NULL CHECK (hold_out_percent BETWEEN 1 AND 50),
    starts_on       date NOT NULL,
    ends_on         date NOT NULL CHECK (ends_on > starts_on AND ends_on <= starts_on + 366),
    author          text NOT NULL,
    made_at         timestamptz NOT NULL,
    stopped_at      timestamptz
);
CREATE UNIQUE INDEX experiment_one_running ON experiment (organization_id, measure) WHERE stopped_at IS NULL;

-- The same patient of the same experiment is always in the same group, whoever asks and whenever.
CREATE FUNCTION held_out(experiment uuid, patient uuid, percent integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(encode(sha256((experiment::text || ':' || patient::text)::bytea), 'hex'), 1, 8))::bit(32)::bigint
           % 100 < percent
$$;

GRANT SELECT ON experiment TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON experiment TO careloop_web;

ALTER TABLE experiment ENABLE ROW LEVEL SECURITY;
ALTER TABLE experiment FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON experiment TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON experiment TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON experiment TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_staff_only ON experiment AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
