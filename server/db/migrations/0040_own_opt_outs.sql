-- Each organization keeps its own opt-outs, also where several text from one number; a proxy has a clock of
-- their own; and what surely did not arrive is tried by the next way.

-- One row a number and organization: row security lets an organization write its own, and nobody else's.
ALTER TABLE opt_out DROP CONSTRAINT opt_out_pkey;
ALTER TABLE opt_out ADD PRIMARY KEY (sender_number, phone_hash, organization_id);

-- What was recorded before any sender was set counts for every sender from now on, unless they came back since.
UPDATE opt_out o SET ended_at = e.ended_at
  FROM (SELECT organization_id, phone_hash, max(ended_at) AS ended_at FROM opt_out
         WHERE sender_number <> '' AND ended_at IS NOT NULL GROUP BY organization_id, phone_hash) AS e
 WHERE o.sender_number = '' AND o.ended_at IS NULL
   AND e.organization_id = o.organization_id AND e.phone_hash = o.phone_hash AND e.ended_at > o.opted_out_at;

-- Who holds this telephone wants nothing from this number of ours: what this organization knows, of this number or
-- from before it had one, and what the telephone itself, or its carrier, told another that texts from there too.
CREATE FUNCTION door_opt_out(asked_organization uuid, asked_sender text, asked_phone bytea)
RETURNS TABLE (opted_out_at timestamptz, via text, elsewhere boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT x.opted_out_at, x.via, x.organization_id <> asked_organization FROM opt_out x
     WHERE x.sender_number IN (asked_sender, '') AND x.phone_hash = asked_phone AND x.ended_at IS NULL
       AND (x.organization_id = asked_organization
            OR x.sender_number <> '' AND x.via IN ('keyword', 'provider', 'wording', 'call'))
     ORDER BY x.via IN ('keyword', 'provider') DESC, x.organization_id <> asked_organization DESC, x.opted_out_at
     LIMIT 1
$$;

-- START came from this telephone to this number of ours: it ends what stands in the way, whoever kept it.
CREATE FUNCTION door_opt_in(asked_organization uuid, asked_sender text, asked_phone bytea, at timestamptz)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        UPDATE opt_out x SET ended_at = at
         WHERE x.sender_number IN (asked_sender, '') AND x.phone_hash = asked_phone AND x.ended_at IS NULL
           AND (x.organization_id = asked_organization
                OR x.sender_number <> '' AND x.via IN ('keyword', 'provider', 'wording', 'call'))
        RETURNING x.sender_number)
    SELECT EXISTS (SELECT FROM ended)
$$;

REVOKE ALL ON FUNCTION door_opt_out(uuid, text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION door_opt_in(uuid, text, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_opt_out(uuid, text, bytea) TO careloop_web, careloop_worker, careloop_auditor;
GRANT EXECUTE ON FUNCTION door_opt_in(uuid, text, bytea, timestamptz) TO careloop_web, careloop_worker;

-- Where a proxy lives, when that is elsewhere than the patient: without a zone, as the patient.
ALTER TABLE proxy
    ADD COLUMN zone   text,
    ADD COLUMN region text CHECK (region ~ '^[A-Z]{2}$'),
    ADD CONSTRAINT proxy_region_has_zone CHECK (zone IS NOT NULL OR region IS NULL);

-- The ways by which this slot's reminder surely did not arrive: `channel:hash`, each tried once.
ALTER TABLE reminder ADD COLUMN tried text[] NOT NULL DEFAULT '{}';
CREATE INDEX message_reminder_failed ON message (created_at) WHERE purpose = 'reminder' AND status = 'failed';
