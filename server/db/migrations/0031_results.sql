-- What was entered in error is taken back and stays in the record; it counts for nothing any more.
ALTER TABLE evidence
    ADD COLUMN withdrawn_at timestamptz,
    ADD COLUMN withdrawn_by text,
    ADD CONSTRAINT evidence_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL));
