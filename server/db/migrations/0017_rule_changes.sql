-- A change of a rule or programme is drafted by one person, compared with what was stored, and approved by another.

CREATE TABLE rule_draft (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    rule_id         uuid,                         -- a draft is of a rule, or of a programme
    programme_id    uuid,
    base_version_id uuid,                         -- the version it changes; null: there is none yet
    proposed        jsonb NOT NULL,               -- the whole content of the next version
    reason          text NOT NULL CHECK (reason <> ''),
    author          text NOT NULL,                -- as the version will name them; 'Careloop' where we ship it
    gives_up_high   boolean NOT NULL DEFAULT false,   -- a clinician said so: no high level stays
    drafted_by      uuid NOT NULL,
    drafted_at      timestamptz NOT NULL,
    state           text NOT NULL DEFAULT 'draft'
                    CHECK (state IN ('draft', 'approved', 'rejected', 'withdrawn', 'superseded')),
    decided_by      uuid,
    decided_at      timestamptz,
    decision        text,                         -- why it was rejected
    version_id      uuid,                         -- what it became
    comparison      jsonb,                        -- what it would have changed: alerts per week, who missed, who new
    compared_at     timestamptz,
    comparing_since timestamptz,                  -- a worker is at it; one that died is followed after a while
    compared_share  numeric,                      -- how far it is, 0 to 1
    CHECK (num_nonnulls(rule_id, programme_id) = 1),
    CHECK ((state = 'draft') = (decided_at IS NULL)),
    CHECK ((state = 'approved') = (version_id IS NOT NULL)),
    -- A second person approves.
    CHECK (state <> 'approved' OR decided_by IS DISTINCT FROM drafted_by AND decided_by IS NOT NULL),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id),
    FOREIGN KEY (drafted_by, organization_id) REFERENCES staff (id, organization_id),
    FOREIGN KEY (decided_by, organization_id) REFERENCES staff (id, organization_id)
);
CREATE INDEX rule_draft_open ON rule_draft (organization_id, drafted_at) WHERE state = 'draft';
CREATE INDEX rule_draft_to_compare ON rule_draft (drafted_at) WHERE state = 'draft' AND compared_at IS NULL;
CREATE INDEX rule_draft_of_rule ON rule_draft (rule_id, drafted_at);

-- When a synthetic reading went the whole way after this version came into force; the auditor writes it.
ALTER TABLE rule_version ADD COLUMN proved_at timestamptz;
CREATE INDEX rule_version_unproved ON rule_version (organization_id) WHERE valid_to IS NULL AND proved_at IS NULL;

-- What came of the alerts of each rule, over months.
CREATE INDEX alert_by_rule ON alert (organization_id, rule_id, opened_at);

GRANT SELECT ON rule_draft TO careloop_web, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON rule_draft TO careloop_web;
GRANT UPDATE (comparison, compared_at, comparing_since, compared_share) ON rule_draft TO careloop_worker;
GRANT UPDATE (proved_at) ON rule_version TO careloop_auditor;

ALTER TABLE rule_draft ENABLE ROW LEVEL SECURITY;
ALTER TABLE rule_draft FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON rule_draft TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON rule_draft TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON rule_draft TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY web_staff_only ON rule_draft AS RESTRICTIVE TO careloop_web
    USING ((SELECT nullif(current_setting('app.patient', true), '')) IS NULL);
