-- Whoever leaves is signed out everywhere: the web may end the sessions of its own organization's people. It still
-- cannot read the hash of a cookie.
GRANT SELECT (organization_id, account_id, ended_at), UPDATE (ended_at) ON session TO careloop_web;
