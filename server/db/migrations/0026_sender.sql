-- The sender: how fast each of our numbers may text, which texts are next, and who pretended to be the provider.

-- One bucket per number of ours and channel, for every worker together. Several organizations may text from one
-- number: `organization_id` is the one that did so first.
CREATE TABLE sender_pace (
    sender_number   text NOT NULL,
    channel         text NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    empty_at        timestamptz NOT NULL,      -- when the bucket was or will be empty: from then on it fills again
    held_until      timestamptz,               -- the provider asked everybody to wait
    PRIMARY KEY (sender_number, channel)
);

-- Webhooks that the provider did not sign, counted by the hour: one row an hour, however many come.
CREATE TABLE forgery (
    organization_id uuid NOT NULL REFERENCES organization,
    hour            timestamptz NOT NULL,
    seen            integer NOT NULL DEFAULT 1,
    PRIMARY KEY (organization_id, hour)
);

-- What a sender takes next is found without reading all that waits.
CREATE INDEX message_urgent ON message (not_before, id) WHERE status = 'queued' AND purpose IN ('page', 'safety');
CREATE INDEX message_next ON message ((purpose <> 'answer'), not_before, id)
 WHERE status = 'queued' AND purpose NOT IN ('page', 'safety');
CREATE INDEX message_in_doubt ON message (id) WHERE status = 'unknown' AND reason IS DISTINCT FROM 'unresolved';

GRANT SELECT ON sender_pace TO careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON sender_pace TO careloop_worker;
GRANT SELECT, INSERT, UPDATE ON forgery TO careloop_web;
GRANT SELECT ON forgery TO careloop_worker, careloop_auditor, careloop_backup;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sender_pace', 'forgery']
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
