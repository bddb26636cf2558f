-- Who may do what (grants), and to which rows (policies). Every table with organization_id has row-level
-- security enabled and forced; `migrate` has made the roles before this runs. Nobody may delete.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;

-- Reading.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO careloop_auditor, careloop_backup, careloop_worker;
GRANT SELECT ON
    organization, clinic, team, staff, team_member, shift, patient, patient_name_token, proxy, programme, enrolment,
    rule, rule_version, rule_limit, programme_rule, patient_limit, device_model, device, loan, device_state, arrival,
    sequence_state, reading, held, quarantine, finding, finding_evidence, alert, alarm, consent, opt_out, reminder_rule,
    reminder, message, attempt, receipt, reply, gap, evidence, touch, audit, audit_seal, heartbeat
  TO careloop_web;
GRANT SELECT (id, organization_id, login, staff_id, patient_id, created_at, disabled_at, locked_until)
  ON account TO careloop_web;                     -- never the password's hash
GRANT SELECT ON
    organization, team, staff, team_member, shift, patient, programme, enrolment, rule, rule_version, rule_limit,
    programme_rule, patient_limit, device_model, device, loan, device_state, arrival, sequence_state, reading, held,
    quarantine, finding, finding_evidence, alert, alarm, message, heartbeat, consent, opt_out
  TO careloop_bridge;

-- Writing.
GRANT INSERT, UPDATE ON
    arrival, sequence_state, device_state, reading, held, quarantine, finding, finding_evidence, alert, alarm, message
  TO careloop_bridge, careloop_web;
GRANT INSERT, UPDATE ON
    organization, clinic, team, staff, team_member, shift, patient, patient_name_token, proxy, account, programme,
    enrolment, rule, rule_version, rule_limit, programme_rule, patient_limit, device_model, device, loan, consent, opt_out,
    reminder_rule, reminder, attempt, receipt, reply, gap, evidence, touch
  TO careloop_web;
GRANT INSERT, UPDATE ON
    alert, alarm, message, attempt, receipt, reply, opt_out, reminder, gap, touch, finding, finding_evidence
  TO careloop_worker;
GRANT INSERT ON audit TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor;
GRANT INSERT ON audit_seal TO careloop_worker;
GRANT INSERT, UPDATE ON alarm, message TO careloop_auditor;
GRANT INSERT, UPDATE ON heartbeat TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor;

-- Rows: the web sees one organization; services and the owner see what their grants allow.
DO $$
DECLARE
    t text;
BEGIN
    FOR t IN
        SELECT c.table_name FROM information_schema.columns c
          JOIN information_schema.tables b USING (table_schema, table_name)
         WHERE c.table_schema = 'public' AND c.column_name = 'organization_id' AND b.table_type = 'BASE TABLE'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY web_organization ON %I TO careloop_web
            USING (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))
            WITH CHECK (organization_id = (SELECT nullif(current_setting(''app.organization'', true), '''')::uuid))', t);
        EXECUTE format('CREATE POLICY service ON %I TO careloop_bridge, careloop_worker, careloop_auditor
            USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;

ALTER TABLE organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON organization TO careloop_web
    USING (id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON organization TO careloop_bridge, careloop_worker, careloop_auditor USING (true);
CREATE POLICY owner ON organization TO CURRENT_USER USING (true) WITH CHECK (true);

-- A signed-in patient (or proxy) narrows every clinical table to that one patient …
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['patient_name_token', 'proxy', 'enrolment', 'patient_limit', 'loan', 'arrival', 'reading',
        'held', 'finding', 'finding_evidence', 'alert', 'consent', 'reminder', 'message', 'reply', 'gap', 'evidence', 'touch']
    LOOP
        EXECUTE format('CREATE POLICY web_patient ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL
                OR patient_id = (SELECT nullif(current_setting(''app.patient'', true), '''')::uuid))', t);
    END LOOP;
END $$;

CREATE POLICY web_patient ON patient AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL
        OR id = (SELECT nullif(current_setting('app.patient', true), '')::uuid));

-- A patient's own messages are those to the patient, not the pages to staff about them.
CREATE POLICY web_own_messages ON message AS RESTRICTIVE FOR SELECT TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL OR staff_id IS NULL);

-- … and closes what is the staff's alone. A patient's own request may still add to the audit.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['staff', 'team_member', 'shift', 'account', 'session', 'device', 'device_state',
        'sequence_state', 'quarantine', 'alarm', 'opt_out', 'attempt', 'receipt', 'reminder_rule', 'audit_seal']
    LOOP
        EXECUTE format('CREATE POLICY web_staff_only ON %I AS RESTRICTIVE TO careloop_web
            USING ((SELECT nullif(current_setting(''app.patient'', true), '''')) IS NULL)', t);
    END LOOP;
END $$;

CREATE POLICY web_staff_only ON audit AS RESTRICTIVE FOR SELECT TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
