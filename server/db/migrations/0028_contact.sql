-- How people are reached: who answered a call, what became of a safety text, whose a further number is, and its proof.

-- A call that was picked up may have been a voicemail; only a pressed key says that somebody heard it.
ALTER TABLE message ADD COLUMN heard_at timestamptz;
-- A safety text is looked after until it arrived, or the call about it was heard, or a person was told.
ALTER TABLE message ADD COLUMN looked_after_at timestamptz;
UPDATE message SET looked_after_at = created_at WHERE purpose = 'safety';
CREATE INDEX message_safety_open ON message (created_at) WHERE purpose = 'safety' AND looked_after_at IS NULL;

ALTER TABLE proxy
    ADD COLUMN author   text,
    ADD COLUMN ended_by text;

ALTER TABLE contact_point
    ADD COLUMN verified_at timestamptz,  -- of an address; of a number it is known in `telephone`
    ADD COLUMN ended_by    text;

-- A code sent to a number or address; who reads it back holds it.
CREATE TABLE contact_code (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('sms', 'voice', 'email')),
    address_hash    bytea NOT NULL,
    code            text NOT NULL CHECK (code ~ '^[0-9]{6}$'),
    made_at         timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > made_at),
    tries           integer NOT NULL DEFAULT 0,
    used_at         timestamptz,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX contact_code_newest ON contact_code (patient_id, address_hash, made_at);

GRANT SELECT ON contact_code TO careloop_auditor, careloop_backup;
GRANT SELECT, INSERT, UPDATE ON contact_code TO careloop_web;

ALTER TABLE contact_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_code FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON contact_code TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON contact_code TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON contact_code TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_staff_only ON contact_code AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
