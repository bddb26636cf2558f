-- Numbers that did not arrive: noticed once, closed when they come after all.

ALTER TABLE sequence_state ADD COLUMN examined bigint NOT NULL DEFAULT 0;  -- up to here holes have been looked for

CREATE TABLE sequence_gap (
    device_id       text NOT NULL,
    epoch           bigint NOT NULL,
    first_missing   bigint NOT NULL,
    last_missing    bigint NOT NULL CHECK (last_missing >= first_missing),
    organization_id uuid NOT NULL REFERENCES organization,
    noticed_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    PRIMARY KEY (device_id, epoch, first_missing)
);
CREATE INDEX sequence_gap_open ON sequence_gap (device_id, epoch) WHERE closed_at IS NULL;

ALTER TABLE sequence_gap ENABLE ROW LEVEL SECURITY;
ALTER TABLE sequence_gap FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON sequence_gap TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON sequence_gap TO careloop_bridge, careloop_worker, careloop_auditor USING (true) WITH CHECK (true);
CREATE POLICY owner ON sequence_gap TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_staff_only ON sequence_gap AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);

GRANT SELECT ON sequence_gap TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON sequence_gap TO careloop_worker;
GRANT UPDATE (examined) ON sequence_state TO careloop_worker;
