-- The doors: the only functions that answer before an organization is known. Each runs as the owner
-- (SECURITY DEFINER) with a fixed search path, answers one question, and tells nothing else.

-- Sign-in: the account of a login name, if any.
CREATE FUNCTION door_account(asked_login text)
RETURNS TABLE (account_id uuid, organization_id uuid, password_hash text, locked_until timestamptz, is_staff boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.id, a.organization_id, a.password_hash, a.locked_until, a.staff_id IS NOT NULL
      FROM account a LEFT JOIN staff s ON s.id = a.staff_id
     WHERE a.login = asked_login AND a.disabled_at IS NULL AND s.disabled_at IS NULL
$$;

-- Five wrong passwords in a row lock the account for fifteen minutes.
CREATE FUNCTION door_sign_in_failed(asked_account uuid, at timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE account
       SET failed_count = CASE WHEN failed_count >= 4 THEN 0 ELSE failed_count + 1 END,
           locked_until = CASE WHEN failed_count >= 4 THEN at + interval '15 minutes' ELSE locked_until END
     WHERE id = asked_account
$$;

CREATE FUNCTION door_session_open(opened_token bytea, for_account uuid, at timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE account SET failed_count = 0, locked_until = NULL WHERE id = for_account;
    INSERT INTO session (token_hash, organization_id, account_id, created_at, last_seen_at, expires_at)
    SELECT opened_token, organization_id, id, at, at, until FROM account WHERE id = for_account
$$;

-- Who a session's cookie belongs to; nothing when it ended, expired, or its person was disabled.
CREATE FUNCTION door_session(asked_token bytea, at timestamptz)
RETURNS TABLE (organization_id uuid, organization_name text, organization_state text, organization_zone text,
               organization_demo boolean, account_id uuid, name text, role text, staff_id uuid, patient_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.name, o.state, o.zone, o.demo, a.id, coalesce(s.name, p.given_name || ' ' || p.family_name),
           coalesce(s.role, 'patient'), a.staff_id, a.patient_id
      FROM session x
      JOIN account a ON a.id = x.account_id
      JOIN organization o ON o.id = x.organization_id
      LEFT JOIN staff s ON s.id = a.staff_id
      LEFT JOIN patient p ON p.id = a.patient_id
     WHERE x.token_hash = asked_token AND x.ended_at IS NULL AND x.expires_at > at
       AND a.disabled_at IS NULL AND s.disabled_at IS NULL
$$;

CREATE FUNCTION door_session_end(asked_token bytea, at timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE session SET ended_at = at WHERE token_hash = asked_token AND ended_at IS NULL
$$;

-- A device that speaks HTTP: whose it is, and the hash of its secret.
CREATE FUNCTION door_device(asked_device text)
RETURNS TABLE (organization_id uuid, secret_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.organization_id, d.secret_hash FROM device d WHERE d.id = asked_device AND d.disabled_at IS NULL
$$;

-- A text came in to this number of ours.
CREATE FUNCTION door_sender(asked_number text)
RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM organization WHERE sender_number = asked_number
$$;

-- The provider reports on this attempt of ours.
CREATE FUNCTION door_attempt(asked_attempt uuid)
RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id FROM attempt WHERE id = asked_attempt
$$;

-- Is anything set up here at all? Used by the first page and by `careloop init`.
CREATE FUNCTION door_organizations()
RETURNS TABLE (organization_count bigint, demo_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), count(*) FILTER (WHERE demo) FROM organization
$$;

-- How far this database is migrated; a web process is ready only when it is far enough.
CREATE FUNCTION door_migration()
RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(number) FROM migration
$$;

-- Beating and readiness need no organization either, but no rows of anybody's.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid::regprocedure FROM pg_proc
              WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'door\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO careloop_web', f);
    END LOOP;
END $$;
