-- A team that answers for one clinic works on that clinic's clock, and its holidays are the clinic's. One without: the
-- organization's clock. The number is what patients may call when nobody of the team watches.
ALTER TABLE team
    ADD COLUMN clinic_id         uuid,
    ADD COLUMN after_hours_phone text CHECK (after_hours_phone ~ '^\+[1-9][0-9]{6,14}$'),   -- E.164
    ADD FOREIGN KEY (clinic_id, organization_id) REFERENCES clinic (id, organization_id);

-- Whoever asks sees of it what they see of the tables.
CREATE VIEW team_clock WITH (security_invoker = true) AS
SELECT t.id AS team_id, coalesce(c.zone, o.zone) AS zone
  FROM team t JOIN organization o ON o.id = t.organization_id LEFT JOIN clinic c ON c.id = t.clinic_id;
GRANT SELECT ON team_clock TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT SELECT ON clinic TO careloop_bridge;       -- a page of late readings says its times on the team's clock

-- The teams that may page somebody: as a member, charge nurse or stand-in, or with a shift in the days around then. `long_since`:
-- already `lasting` before.
CREATE FUNCTION teams_paging(staff uuid, organization uuid, at timestamptz, lasting interval)
    RETURNS TABLE (team_id uuid, name text, test_pages boolean, zone text, long_since boolean) LANGUAGE sql STABLE AS $$
    SELECT t.id, t.name, t.test_pages, k.zone, w.regular OR w.was_rostered
      FROM team t
      JOIN team_clock k ON k.team_id = t.id
     CROSS JOIN LATERAL (
           SELECT coalesce($1 IN (t.charge_nurse_id, t.fallback_id), false)
                  OR EXISTS (SELECT FROM team_member m WHERE m.team_id = t.id AND m.staff_id = $1) AS regular,
                  coalesce(bool_or(sh.ends_at > $3 - interval '8 days'
                                   AND sh.starts_at < $3 + interval '8 days'), false) AS rostered,
                  coalesce(bool_or(sh.ends_at BETWEEN $3 - $4 AND $3 - interval '8 days'), false) AS was_rostered
             FROM shift sh
            WHERE sh.team_id = t.id AND sh.staff_id = $1 AND sh.cancelled_at IS NULL AND sh.ends_at > $3 - $4) w
     WHERE t.organization_id = $2 AND (w.regular OR w.rostered)
$$;
