-- A clinic's own words for a text we ship: one person drafts, another approves, and from then on they are what is sent.

-- Numbers begin at 1001, so that `message.wording_version` says by itself whether the words were ours or the clinic's.
CREATE TABLE wording_version (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    name            text NOT NULL,
    language        text NOT NULL CHECK (language IN ('en', 'es')),
    version         integer NOT NULL CHECK (version > 1000),
    body            text NOT NULL CHECK (body <> ''),
    shipped_version integer NOT NULL,            -- the version of ours that its author saw
    reason          text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'approved', 'rejected', 'withdrawn')),
    drafted_by      uuid NOT NULL,
    author          text NOT NULL,
    drafted_at      timestamptz NOT NULL,
    decided_by      text,                        -- who approved or rejected the draft
    decided_at      timestamptz,
    withdrawn_by    text,                        -- who took it out of use again
    withdrawn_at    timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, name, language, version)
);
-- One draft at a time for a text in a language; the newest that is approved and not withdrawn is in use.
CREATE UNIQUE INDEX wording_version_draft ON wording_version (organization_id, name, language) WHERE status = 'draft';
CREATE INDEX wording_version_in_use ON wording_version (organization_id, name, language, version)
 WHERE status = 'approved';

-- The gap that closing the task put to "awaiting evidence", so that taking the closing back can take this back too.
ALTER TABLE task ADD COLUMN settled_gap uuid;

-- What the carrier bills for one segment; without it no money is shown.
ALTER TABLE organization
    ADD COLUMN segment_price_usd numeric(8, 5) CHECK (segment_price_usd > 0 AND segment_price_usd < 10);

GRANT SELECT ON wording_version TO careloop_web, careloop_bridge, careloop_worker, careloop_auditor, careloop_backup;
GRANT INSERT, UPDATE ON wording_version TO careloop_web;

ALTER TABLE wording_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE wording_version FORCE ROW LEVEL SECURITY;
CREATE POLICY web_organization ON wording_version TO careloop_web
    USING (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid))
    WITH CHECK (organization_id = (SELECT nullif(current_setting('app.organization', true), '')::uuid));
CREATE POLICY service ON wording_version TO careloop_bridge, careloop_worker, careloop_auditor
    USING (true) WITH CHECK (true);
CREATE POLICY owner ON wording_version TO CURRENT_USER USING (true) WITH CHECK (true);
