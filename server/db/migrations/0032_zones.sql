-- Planning works out everybody's local time in one statement: one zone that PostgreSQL's own zone data lack would stop
-- it for all. Computing with the name is the check; it fails with SQLSTATE 22023.
ALTER TABLE organization ADD CONSTRAINT organization_zone_known
    CHECK (timestamptz '2026-01-01 00:00Z' AT TIME ZONE zone IS NOT NULL);
ALTER TABLE clinic ADD CONSTRAINT clinic_zone_known CHECK (timestamptz '2026-01-01 00:00Z' AT TIME ZONE zone IS NOT NULL);
ALTER TABLE patient ADD CONSTRAINT patient_zone_known CHECK (timestamptz '2026-01-01 00:00Z' AT TIME ZONE zone IS NOT NULL);
