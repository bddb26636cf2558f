-- Whose text is it: organizations may share the installation's number, and what belongs to nobody is kept.

-- A text came in to these names of ours (the number and the messaging service): who texts from one of them, and
-- what tells them apart when several do.
CREATE FUNCTION door_texted(asked_numbers text[], default_sender text, asked_from bytea)
RETURNS TABLE (organization_id uuid, sender text, own boolean, knows boolean, last_texted_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, coalesce(o.sender_number, default_sender), o.sender_number IS NOT NULL,
           EXISTS (SELECT FROM patient p WHERE p.organization_id = o.id AND p.phone_hash = asked_from)
           OR EXISTS (SELECT FROM contact_point k WHERE k.organization_id = o.id AND k.address_hash = asked_from
                         AND k.valid_to IS NULL AND k.channel IN ('sms', 'voice')),
           (SELECT max(m.created_at) FROM message m
             WHERE m.organization_id = o.id AND m.to_hash = asked_from AND m.channel = 'sms'
               AND m.status IN ('sending', 'sent', 'delivered', 'unknown'))
      FROM organization o
     WHERE coalesce(o.sender_number, nullif(default_sender, '')) = ANY(asked_numbers)
$$;

-- Texts that the provider brought and that belong to no organization, as far as we can tell. They are looked at again
-- and again: a sender that is set later, or a patient who is admitted, may say whose they are.
CREATE TABLE unclaimed_text (
    id              uuid PRIMARY KEY,
    provider_sid    text NOT NULL UNIQUE,
    numbers         text[] NOT NULL,             -- what it was sent to: the number, and the messaging service if any
    from_number     text NOT NULL,
    from_hash       bytea NOT NULL,
    body            text NOT NULL,
    received_at     timestamptz NOT NULL,
    looked_at       timestamptz,
    organization_id uuid REFERENCES organization, -- whose it is after all; a person may say so
    claimed_at      timestamptz
);
CREATE INDEX unclaimed_text_left ON unclaimed_text (looked_at NULLS FIRST) WHERE claimed_at IS NULL;

CREATE FUNCTION door_keep_text(
    new_id uuid, sid text, sent_to text[], sent_from text, sent_from_hash bytea, said text, at timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO unclaimed_text (id, provider_sid, numbers, from_number, from_hash, body, received_at)
    VALUES (new_id, sid, sent_to, sent_from, sent_from_hash, said, at)
    ON CONFLICT (provider_sid) DO NOTHING
$$;

-- Webhooks that nobody signed and that are about nobody here, counted by the hour.
CREATE TABLE unfound_forgery (
    hour    timestamptz PRIMARY KEY,
    seen    integer NOT NULL DEFAULT 1,
    told_at timestamptz
);

GRANT SELECT ON unclaimed_text, unfound_forgery TO careloop_worker, careloop_auditor, careloop_backup;
GRANT UPDATE ON unclaimed_text, unfound_forgery TO careloop_worker;
GRANT SELECT, INSERT, UPDATE ON unfound_forgery TO careloop_web;
REVOKE ALL ON FUNCTION door_texted(text[], text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION door_keep_text(uuid, text, text[], text, bytea, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_texted(text[], text, bytea) TO careloop_web, careloop_worker;
GRANT EXECUTE ON FUNCTION door_keep_text(uuid, text, text[], text, bytea, text, timestamptz) TO careloop_web;

ALTER TABLE unclaimed_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE unclaimed_text FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON unclaimed_text TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON unclaimed_text TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON unclaimed_text TO CURRENT_USER USING (true) WITH CHECK (true);
