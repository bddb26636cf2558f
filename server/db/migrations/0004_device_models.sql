-- What a model of device is like, the certificates devices sign in with, and how a person settled what waited.

ALTER TABLE device_model
    ADD COLUMN battery text,                      -- as on its label: "4 × AA", "rechargeable"
    ADD COLUMN slots integer NOT NULL DEFAULT 1 CHECK (slots BETWEEN 1 AND 16);   -- user buttons

-- A held reading that is settled as it came becomes a reading under its own id, which `arrival.reading_id` names;
-- `held.reading_id` says so in every case. What arrived, and its fate at arrival, never change.
ALTER TABLE held
    ADD COLUMN note text,                         -- why, in the person's words
    ADD COLUMN corrected jsonb,                   -- the values as a person corrected them; null when taken as they came
    ADD COLUMN reading_id uuid,                   -- what it became; another id than its own when it was corrected
    ADD CONSTRAINT held_resolution CHECK (resolution IN ('assigned', 'corrected', 'discarded')),
    ADD CONSTRAINT held_resolved CHECK ((resolved_at IS NULL) = (resolution IS NULL));

ALTER TABLE quarantine
    ADD COLUMN note text,
    ADD COLUMN purged_at timestamptz,             -- its bytes are gone; device, reason and time stay
    ADD CONSTRAINT quarantine_resolution CHECK (resolution IN ('discarded')),
    ADD CONSTRAINT quarantine_resolved CHECK ((resolved_at IS NULL) = (resolution IS NULL));
CREATE INDEX quarantine_bytes ON quarantine (received_at) WHERE purged_at IS NULL;
GRANT UPDATE ON quarantine TO careloop_worker;

-- A certificate a device was given; the broker reads the revoked ones from the authority's list (CRL).
CREATE TABLE device_certificate (
    serial          text PRIMARY KEY,             -- hexadecimal, as `openssl x509 -serial` says it
    organization_id uuid NOT NULL REFERENCES organization,
    device_id       text NOT NULL,
    issued_at       timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > issued_at),
    revoked_at      timestamptz,
    FOREIGN KEY (device_id, organization_id) REFERENCES device (id, organization_id)
);
CREATE INDEX device_certificate_of ON device_certificate (device_id);
GRANT SELECT ON device_certificate TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON device_certificate TO careloop_web;
ALTER TABLE device_certificate ENABLE ROW LEVEL SECURITY;
ALTER TABLE device_certificate FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON device_certificate TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON device_certificate TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON device_certificate TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_staff_only ON device_certificate AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
