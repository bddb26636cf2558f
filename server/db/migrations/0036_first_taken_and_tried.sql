-- Who took an alert first, and when: an alert that returns or is laid aside forgets who has it, and not who had it.
ALTER TABLE alert ADD COLUMN first_acknowledged_at timestamptz, ADD COLUMN first_acknowledged_by uuid,
    ADD FOREIGN KEY (first_acknowledged_by, organization_id) REFERENCES staff (id, organization_id);
-- Those that may still return; of what is over the last who took it stands.
UPDATE alert SET first_acknowledged_at = acknowledged_at, first_acknowledged_by = acknowledged_by
 WHERE status <> 'resolved' AND acknowledged_at IS NOT NULL;

-- Whether the test reading crossed this very version. If not, it proved the way to a page, and the rule was not tried.
ALTER TABLE rule_version ADD COLUMN tried boolean NOT NULL DEFAULT false;
GRANT UPDATE (tried) ON rule_version TO careloop_auditor;
