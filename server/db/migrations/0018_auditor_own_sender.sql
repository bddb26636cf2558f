-- The auditor tells people itself when nobody else does, and says how long it may be silent before nobody is checking.

-- Until when this loop must have been heard again, as it says itself; who watches needs no setting of its.
ALTER TABLE heartbeat ADD COLUMN next_by timestamptz;

-- What the auditor asks every round is found without reading what came before.
CREATE INDEX message_page_lately ON message (created_at) WHERE purpose = 'page';
CREATE INDEX alert_closed_by_nobody ON alert (last_finding_at) WHERE status = 'resolved' AND resolved_by IS NULL;

GRANT INSERT, UPDATE ON attempt, opt_out TO careloop_auditor;
GRANT SELECT ON audit_mismatch, audit_mark TO careloop_web;

-- The auditor may write to staff about alarms, and to nobody else about nothing else.
CREATE POLICY auditor_own_pages ON message AS RESTRICTIVE FOR INSERT TO careloop_auditor
    WITH CHECK (purpose = 'page' AND alarm_id IS NOT NULL AND staff_id IS NOT NULL);
CREATE POLICY auditor_own_pages_settled ON message AS RESTRICTIVE FOR UPDATE TO careloop_auditor
    USING (purpose = 'page' AND alarm_id IS NOT NULL AND staff_id IS NOT NULL)
    WITH CHECK (purpose = 'page' AND alarm_id IS NOT NULL AND staff_id IS NOT NULL);
