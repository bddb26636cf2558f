-- Older readings gather in one alert per patient; a silent device is noticed; quarantined bytes get a second look.

-- The rule of that one alert is made the first time an organization needs it, by whoever judges: the bridge too.
GRANT INSERT ON rule TO careloop_bridge;
CREATE INDEX finding_historic ON finding (patient_id, alert_id, measured_at)
    WHERE age = 'historic' AND superseded_at IS NULL;

ALTER TABLE device_model                          -- null: the installation's CARELOOP_SILENT_HOURS
    ADD COLUMN silent_after_hours integer CHECK (silent_after_hours BETWEEN 1 AND 8760);
CREATE INDEX alarm_of_subject ON alarm (organization_id, kind, subject);

ALTER TABLE quarantine
    ADD COLUMN retried_at timestamptz,            -- last time somebody had it decoded again in vain …
    ADD COLUMN retried_reason text,               -- … and why it still could not be
    DROP CONSTRAINT quarantine_resolution,
    ADD CONSTRAINT quarantine_resolution CHECK (resolution IN ('discarded', 'decoded'));
