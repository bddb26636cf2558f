-- A link in a text: a token that says where to go after sign-in, once, and only to its own patient.
CREATE TABLE short_link (
    token_hash      bytea NOT NULL,               -- SHA-256; the token itself is in the text alone
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    message_id      uuid,
    leads_to        text NOT NULL CHECK (leads_to ~ '^/portal'),
    made_at         timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > made_at),
    used_at         timestamptz,
    PRIMARY KEY (patient_id, token_hash),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX short_link_of_message ON short_link (message_id) WHERE message_id IS NOT NULL;

GRANT SELECT ON short_link TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT ON short_link TO careloop_worker, careloop_web;
GRANT UPDATE ON short_link TO careloop_web;

ALTER TABLE short_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE short_link FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON short_link TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON short_link TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON short_link TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_patient ON short_link AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL
        OR patient_id = (SELECT nullif(current_setting('app.patient', true), '')::uuid));
