-- The words of Careloop as tables. Rights and row policies are in 0002, the doors used before an
-- organization is known in 0003. Ids are UUIDv7 made in Python. No triggers: the code says what happens.

CREATE EXTENSION IF NOT EXISTS btree_gist;        -- ships with PostgreSQL; a loan's from–to must not overlap

-- Who we are ---------------------------------------------------------------------------------------

CREATE TABLE organization (
    id            uuid PRIMARY KEY,
    name          text NOT NULL CHECK (name <> ''),
    zone          text NOT NULL,
    state         text NOT NULL DEFAULT 'trial' CHECK (state IN ('trial', 'shadow', 'live')),
    trial_numbers text[] NOT NULL DEFAULT '{}',   -- in state trial, texts go to these numbers only
    sender_number text UNIQUE,                    -- E.164; an inbound text finds its organization by it
    demo          boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL
);

CREATE TABLE clinic (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    name            text NOT NULL,
    zone            text NOT NULL,
    phone           text,
    UNIQUE (id, organization_id)
);

CREATE TABLE team (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    name            text NOT NULL,
    UNIQUE (organization_id, name),
    UNIQUE (id, organization_id)
);

CREATE TABLE staff (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    name            text NOT NULL,
    role            text NOT NULL CHECK (role IN ('nurse', 'clinician', 'coordinator', 'quality', 'admin')),
    phone           text,
    created_at      timestamptz NOT NULL,
    disabled_at     timestamptz,
    UNIQUE (id, organization_id)
);

CREATE TABLE team_member (
    team_id         uuid NOT NULL,
    staff_id        uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    PRIMARY KEY (team_id, staff_id),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id)
);

-- The roster: who answers for a team, from–to. Overlaps are allowed; the latest start is paged first.
CREATE TABLE shift (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    team_id         uuid NOT NULL,
    staff_id        uuid NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id)
);
CREATE INDEX shift_now ON shift (team_id, ends_at);

CREATE TABLE patient (
    id                uuid PRIMARY KEY,
    organization_id   uuid NOT NULL REFERENCES organization,
    clinic_id         uuid NOT NULL,
    team_id           uuid NOT NULL,
    mrn               text NOT NULL,
    given_name        text NOT NULL,
    family_name       text NOT NULL,
    birth_date        date NOT NULL,
    sex               text NOT NULL CHECK (sex IN ('female', 'male', 'other', 'unknown')),
    zone              text NOT NULL,
    language          text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'es')),
    phone             text,
    phone_hash        bytea,
    monitoring_status text NOT NULL DEFAULT 'active'
                      CHECK (monitoring_status IN ('active', 'paused', 'hospice', 'deceased', 'left')),
    admitted_at       timestamptz NOT NULL,
    UNIQUE (id, organization_id),
    UNIQUE (organization_id, mrn),
    FOREIGN KEY (clinic_id, organization_id) REFERENCES clinic (id, organization_id),
    FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id)
);
CREATE INDEX patient_by_phone ON patient (organization_id, phone_hash);

-- Search works on whole or begun words of a name; trigram indexes go unused under row policies.
CREATE TABLE patient_name_token (
    patient_id      uuid NOT NULL,
    token           text COLLATE "C" NOT NULL,  -- byte order, so "begins with" is a range of the index
    organization_id uuid NOT NULL REFERENCES organization,
    PRIMARY KEY (patient_id, token),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX patient_name_token_found ON patient_name_token (organization_id, token);

CREATE TABLE proxy (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    name            text NOT NULL,
    relation        text NOT NULL,
    phone           text,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

-- One account per login name; it is a staff member's or a patient's.
CREATE TABLE account (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    login           text NOT NULL CHECK (login = lower(login)),
    password_hash   text NOT NULL,
    staff_id        uuid,
    patient_id      uuid,
    failed_count    integer NOT NULL DEFAULT 0,
    locked_until    timestamptz,
    created_at      timestamptz NOT NULL,
    disabled_at     timestamptz,
    CHECK (num_nonnulls(staff_id, patient_id) = 1),
    UNIQUE (login),
    UNIQUE (id, organization_id),
    FOREIGN KEY (staff_id, organization_id) REFERENCES staff (id, organization_id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

CREATE TABLE session (
    token_hash      bytea PRIMARY KEY,            -- SHA-256 of the cookie: a stolen table opens no door
    organization_id uuid NOT NULL REFERENCES organization,
    account_id      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    FOREIGN KEY (account_id, organization_id) REFERENCES account (id, organization_id)
);
CREATE INDEX session_of_account ON session (account_id);

-- Programmes, rules, limits ------------------------------------------------------------------------

CREATE TABLE programme (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    code            text NOT NULL,                -- hypertension, diabetes, heart_failure, copd, general
    name            text NOT NULL,
    UNIQUE (organization_id, code),
    UNIQUE (id, organization_id)
);

CREATE TABLE enrolment (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    programme_id    uuid NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);
CREATE UNIQUE INDEX enrolment_once ON enrolment (patient_id, programme_id) WHERE valid_to IS NULL;

-- A rule is one clinical concern ("low glucose"); its versions carry text, source and levels.
CREATE TABLE rule (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    code            text NOT NULL,
    name            text NOT NULL,
    vital           text NOT NULL,                -- a reading's kind
    UNIQUE (organization_id, code),
    UNIQUE (id, organization_id)
);

CREATE TABLE rule_version (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    rule_id         uuid NOT NULL,
    version         integer NOT NULL,
    explains        text NOT NULL,                -- what staff read on the alert
    source          text NOT NULL,                -- where the numbers come from
    author          text NOT NULL,
    approved_by     text,
    approved_at     timestamptz,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    UNIQUE (rule_id, version),
    UNIQUE (id, organization_id),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id)
);
CREATE UNIQUE INDEX rule_version_current ON rule_version (rule_id) WHERE valid_to IS NULL;

-- The levels of a version: metric, which side, how severe, at which value (canonical units).
CREATE TABLE rule_limit (
    rule_version_id uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    metric          text NOT NULL,                -- a column of reading: systolic_mmhg …
    side            text NOT NULL CHECK (side IN ('at_or_above', 'above', 'at_or_below', 'below')),
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    value           numeric,                      -- null: only a patient's own limit applies (dry weight)
    PRIMARY KEY (rule_version_id, metric, side, severity),
    FOREIGN KEY (rule_version_id, organization_id) REFERENCES rule_version (id, organization_id)
);

CREATE TABLE programme_rule (
    programme_id    uuid NOT NULL,
    rule_id         uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    PRIMARY KEY (programme_id, rule_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id)
);

-- A patient's own limit overrides the rule's value for the same metric, side and severity.
CREATE TABLE patient_limit (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    rule_id         uuid NOT NULL,
    metric          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('at_or_above', 'above', 'at_or_below', 'below')),
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    value           numeric NOT NULL,
    author          text NOT NULL,
    reason          text NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id)
);
CREATE UNIQUE INDEX patient_limit_current
    ON patient_limit (patient_id, rule_id, metric, side, severity) WHERE valid_to IS NULL;

-- Devices ------------------------------------------------------------------------------------------

CREATE TABLE device_model (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    name            text NOT NULL,
    maker           text NOT NULL,
    format          text NOT NULL DEFAULT 'native',
    kinds           text[] NOT NULL,
    UNIQUE (organization_id, name),
    UNIQUE (id, organization_id)
);

CREATE TABLE device (
    id              text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),   -- as in the topic
    organization_id uuid NOT NULL REFERENCES organization,
    model_id        uuid NOT NULL,
    hub_id          text REFERENCES device,       -- the hub allowed to speak for it
    secret_hash     bytea,                        -- SHA-256 of the 256-bit random password (HTTP)
    registered_at   timestamptz NOT NULL,
    disabled_at     timestamptz,
    UNIQUE (id, organization_id),
    FOREIGN KEY (model_id, organization_id) REFERENCES device_model (id, organization_id)
);

CREATE TABLE loan (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    device_id       text NOT NULL,
    patient_id      uuid NOT NULL,
    user_slot       integer,
    lent            tstzrange NOT NULL CHECK (NOT isempty(lent)),
    EXCLUDE USING gist (device_id WITH =, (coalesce(user_slot, 0)) WITH =, lent WITH &&),
    FOREIGN KEY (device_id, organization_id) REFERENCES device (id, organization_id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX loan_of_patient ON loan (patient_id);

-- What changes with every message; kept off `device` so that table stays quiet.
CREATE TABLE device_state (
    device_id         text PRIMARY KEY REFERENCES device,
    organization_id   uuid NOT NULL REFERENCES organization,
    online            boolean,
    last_seen_at      timestamptz,
    last_measured_at  timestamptz,
    battery_pct       numeric,
    firmware          text,
    received_count    bigint NOT NULL DEFAULT 0,
    stored_count      bigint NOT NULL DEFAULT 0,
    duplicate_count   bigint NOT NULL DEFAULT 0,
    held_count        bigint NOT NULL DEFAULT 0,
    quarantined_count bigint NOT NULL DEFAULT 0
);

-- What came in --------------------------------------------------------------------------------------

-- The ledger: each thing that came in, once. The key is the sequence number, else the content's hash.
CREATE TABLE arrival (
    device_id       text NOT NULL,
    epoch           bigint NOT NULL,
    key             text NOT NULL,
    seq             bigint,
    hash            bytea NOT NULL,
    fate            text NOT NULL CHECK (fate IN ('stored', 'held', 'quarantined')),
    reason          text,
    organization_id uuid REFERENCES organization,  -- null only for a sender nobody registered
    reading_id      uuid,
    patient_id      uuid,
    measured_at     timestamptz,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (device_id, epoch, key)
);
CREATE INDEX arrival_sequence ON arrival (device_id, epoch, seq) WHERE seq IS NOT NULL;

-- How far each epoch is settled without a hole: the receipt's "through".
CREATE TABLE sequence_state (
    device_id       text NOT NULL,
    epoch           bigint NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    through         bigint NOT NULL,
    PRIMARY KEY (device_id, epoch)
);

CREATE TABLE reading (
    id                 uuid NOT NULL,
    organization_id    uuid NOT NULL REFERENCES organization,
    patient_id         uuid NOT NULL,
    kind               text NOT NULL,
    measured_at        timestamptz NOT NULL,
    measured_at_raw    text,
    utc_offset_minutes integer,
    zone               text NOT NULL,
    local_date         date NOT NULL,
    clock_basis        text NOT NULL,
    received_at        timestamptz NOT NULL,
    device_id          text,
    user_slot          integer,
    source             text NOT NULL CHECK (source IN ('device', 'typed', 'texted', 'imported')),
    flags              text[] NOT NULL DEFAULT '{}',
    context            text,
    out_of_range       text CHECK (out_of_range IN ('above', 'below')),
    systolic_mmhg      numeric,
    diastolic_mmhg     numeric,
    pulse_bpm          numeric,
    glucose_mgdl       numeric,
    weight_kg          numeric,
    spo2_pct           numeric,
    temperature_c      numeric,
    judged_with        text NOT NULL,
    PRIMARY KEY (patient_id, measured_at, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
) PARTITION BY RANGE (measured_at);

-- Decoded, but in doubt: implausible, no loan at that time, a time from the future. Waits for a person.
CREATE TABLE held (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    device_id       text NOT NULL,
    patient_id      uuid,
    kind            text NOT NULL,
    measured_at     timestamptz,
    received_at     timestamptz NOT NULL,
    reason          text NOT NULL,
    reading         jsonb NOT NULL,
    resolved_at     timestamptz,
    resolved_by     uuid,
    resolution      text
);
CREATE INDEX held_open ON held (organization_id, received_at) WHERE resolved_at IS NULL;

-- What can never work: kept byte for byte, with its reason, then acknowledged.
CREATE TABLE quarantine (
    id              uuid PRIMARY KEY,
    organization_id uuid REFERENCES organization,
    device_id       text NOT NULL,
    topic           text NOT NULL,
    payload         bytea NOT NULL,
    reason          text NOT NULL,
    received_at     timestamptz NOT NULL,
    resolved_at     timestamptz,
    resolved_by     uuid,
    resolution      text
);
CREATE INDEX quarantine_open ON quarantine (organization_id, received_at) WHERE resolved_at IS NULL;

-- Findings, alerts, alarms --------------------------------------------------------------------------

CREATE TABLE finding (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    rule_id         uuid NOT NULL,
    rule_version_id uuid NOT NULL,
    anchor          text NOT NULL,                -- the reading's or held reading's id, a window end, a missed slot
    alert_id        uuid,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    metric          text NOT NULL,
    side            text NOT NULL,
    value           numeric,                      -- null when the meter said HI or LO
    limit_value     numeric NOT NULL,
    age             text NOT NULL CHECK (age IN ('live', 'late', 'historic')),
    measured_at     timestamptz NOT NULL,
    found_at        timestamptz NOT NULL,
    superseded_at   timestamptz,
    PRIMARY KEY (patient_id, id),
    UNIQUE (patient_id, rule_version_id, anchor),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (rule_version_id, organization_id) REFERENCES rule_version (id, organization_id)
);
CREATE INDEX finding_of_alert ON finding (patient_id, alert_id);

CREATE TABLE finding_evidence (
    patient_id      uuid NOT NULL,
    finding_id      uuid NOT NULL,
    reading_id      uuid NOT NULL,                -- of reading, or of held; no foreign key points at reading
    measured_at     timestamptz NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    PRIMARY KEY (patient_id, finding_id, reading_id),
    FOREIGN KEY (patient_id, finding_id) REFERENCES finding (patient_id, id)
);

-- The worse of two severities, the nearer of two ages: an episode takes the worst and nearest of its findings.
CREATE FUNCTION worse(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN array_position(ARRAY['low', 'medium', 'high'], b) > array_position(ARRAY['low', 'medium', 'high'], a)
                THEN b ELSE a END
$$;

CREATE FUNCTION nearer(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN array_position(ARRAY['historic', 'late', 'live'], b) > array_position(ARRAY['historic', 'late', 'live'], a)
                THEN b ELSE a END
$$;

CREATE TABLE alert (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    rule_id         uuid NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'resolved')),
    unconfirmed     boolean NOT NULL DEFAULT false,
    age             text NOT NULL CHECK (age IN ('live', 'late', 'historic')),
    opened_at       timestamptz NOT NULL,
    last_finding_at timestamptz NOT NULL,
    finding_count   integer NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    resolved_at     timestamptz,
    resolved_by     uuid,
    outcome         text,
    note            text,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (rule_id, organization_id) REFERENCES rule (id, organization_id),
    FOREIGN KEY (acknowledged_by, organization_id) REFERENCES staff (id, organization_id),
    FOREIGN KEY (resolved_by, organization_id) REFERENCES staff (id, organization_id)
);
CREATE UNIQUE INDEX alert_one_open ON alert (patient_id, rule_id) WHERE status <> 'resolved';
CREATE INDEX alert_worklist ON alert (organization_id, opened_at) WHERE status <> 'resolved';

-- Trouble of a device, the broker or ourselves; same worklist, same escalation.
CREATE TABLE alarm (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    kind            text NOT NULL,
    subject         text NOT NULL,                -- the device id, or the part of ourselves
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
    says            text NOT NULL,
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'resolved')),
    opened_at       timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    seen_count      integer NOT NULL DEFAULT 1,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    resolved_at     timestamptz,
    resolved_by     uuid,
    note            text
);
CREATE UNIQUE INDEX alarm_one_open ON alarm (organization_id, kind, subject) WHERE status <> 'resolved';

-- What we say to people -----------------------------------------------------------------------------

CREATE TABLE consent (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('sms', 'voice', 'email')),
    topic           text NOT NULL CHECK (topic IN ('monitoring', 'outreach')),
    author          text NOT NULL,
    source          text NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz,
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE UNIQUE INDEX consent_current ON consent (patient_id, channel, topic) WHERE valid_to IS NULL;

-- Keyed by numbers, not by patient: spouses share phones, and the carrier blocks the number.
CREATE TABLE opt_out (
    sender_number   text NOT NULL,
    phone_hash      bytea NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    opted_out_at    timestamptz NOT NULL,
    via             text NOT NULL,                -- keyword, wording, provider, staff
    ended_at        timestamptz,
    PRIMARY KEY (sender_number, phone_hash)
);

CREATE TABLE reminder_rule (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    code            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('measurement', 'screening')),
    programme_id    uuid,                         -- measurement: whose patients
    measure         text,                         -- screening: which measure's gaps
    after_days      integer NOT NULL,             -- measurement: days without a reading; screening: days between touches
    local_hour      integer NOT NULL CHECK (local_hour BETWEEN 0 AND 23),
    enabled         boolean NOT NULL DEFAULT true,
    UNIQUE (organization_id, code),
    UNIQUE (id, organization_id),
    FOREIGN KEY (programme_id, organization_id) REFERENCES programme (id, organization_id)
);

-- The ledger of reminders: a slot is (patient, rule, local date and time), once.
CREATE TABLE reminder (
    id               uuid NOT NULL,
    organization_id  uuid NOT NULL REFERENCES organization,
    patient_id       uuid NOT NULL,
    reminder_rule_id uuid NOT NULL,
    slot             timestamp NOT NULL,          -- local to the patient
    due_at           timestamptz NOT NULL,
    gap_id           uuid,
    status           text NOT NULL DEFAULT 'planned'
                     CHECK (status IN ('planned', 'queued', 'suppressed')),
    reason           text,
    message_id       uuid,
    planned_at       timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    UNIQUE (patient_id, reminder_rule_id, slot),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id),
    FOREIGN KEY (reminder_rule_id, organization_id) REFERENCES reminder_rule (id, organization_id)
);
CREATE INDEX reminder_due ON reminder (due_at) WHERE status = 'planned';

-- Intent: what we mean to say to one person. Carries no health data.
CREATE TABLE message (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES organization,
    purpose          text NOT NULL CHECK (purpose IN ('page', 'safety', 'reminder', 'answer', 'test')),
    unique_for       text NOT NULL,               -- why it exists, once: page:<alert>:<severity>:<staff> …
    channel          text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms', 'voice', 'email', 'portal')),
    staff_id         uuid,
    patient_id       uuid,
    alert_id         uuid,
    reminder_id      uuid,
    gap_id           uuid,
    to_number        text NOT NULL,
    to_hash          bytea NOT NULL,
    wording          text NOT NULL,
    wording_version  integer NOT NULL,
    language         text NOT NULL,
    body             text NOT NULL,
    status           text NOT NULL DEFAULT 'queued' CHECK (status IN
                     ('queued', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'suppressed', 'withheld')),
    reason           text,
    not_before       timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    claimed_at       timestamptz,
    UNIQUE (organization_id, unique_for)
);
CREATE INDEX message_due ON message (not_before) WHERE status = 'queued';
CREATE INDEX message_claimed ON message (claimed_at) WHERE status = 'sending';
CREATE INDEX message_of_patient ON message (patient_id, created_at) WHERE patient_id IS NOT NULL;

-- One call to the provider. Written before the call, so a crash leaves an attempt that is "unknown".
CREATE TABLE attempt (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    message_id      uuid NOT NULL REFERENCES message,
    provider        text NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    outcome         text NOT NULL DEFAULT 'started'
                    CHECK (outcome IN ('started', 'accepted', 'rejected', 'unknown')),
    provider_sid    text,
    error_code      text
);
CREATE INDEX attempt_of_message ON attempt (message_id);
CREATE INDEX attempt_by_sid ON attempt (provider_sid);

-- What the provider said of an attempt afterwards.
CREATE TABLE receipt (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    attempt_id      uuid NOT NULL REFERENCES attempt,
    status          text NOT NULL,
    error_code      text,
    received_at     timestamptz NOT NULL,
    UNIQUE (attempt_id, status)
);

-- A text that came in: stored first, understood second.
CREATE TABLE reply (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    provider_sid    text NOT NULL UNIQUE,
    from_hash       bytea NOT NULL,
    from_number     text NOT NULL,
    to_number       text NOT NULL,
    body            text NOT NULL,
    meaning         text NOT NULL,
    patient_id      uuid,
    gap_id          uuid,
    received_at     timestamptz NOT NULL,
    handled_at      timestamptz,
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

-- Gaps ----------------------------------------------------------------------------------------------

CREATE TABLE gap (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    measure         text NOT NULL,                -- CMS125 …
    period_start    date NOT NULL,
    period_end      date NOT NULL,
    status          text NOT NULL DEFAULT 'open'
                    CHECK (status IN ('open', 'awaiting_evidence', 'closed', 'excluded')),
    last_done_on    date,
    opened_at       timestamptz NOT NULL,
    reported_at     timestamptz,                  -- the patient said "done"
    closed_at       timestamptz,
    evidence_id     uuid,
    PRIMARY KEY (patient_id, id),
    UNIQUE (patient_id, measure, period_start),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);
CREATE INDEX gap_open ON gap (organization_id, measure) WHERE status IN ('open', 'awaiting_evidence');

CREATE TABLE evidence (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    kind            text NOT NULL,                -- mammogram, colonoscopy, fobt …
    done_on         date NOT NULL,
    source          text NOT NULL,
    author          text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    UNIQUE (patient_id, kind, done_on),
    FOREIGN KEY (patient_id, organization_id) REFERENCES patient (id, organization_id)
);

CREATE TABLE touch (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organization,
    patient_id      uuid NOT NULL,
    gap_id          uuid NOT NULL,
    message_id      uuid,
    touched_at      timestamptz NOT NULL,
    PRIMARY KEY (patient_id, id),
    FOREIGN KEY (patient_id, gap_id) REFERENCES gap (patient_id, id)
);

-- Audit ---------------------------------------------------------------------------------------------

-- Requests add plain rows in their own transaction; the sealer chains them afterwards.
CREATE TABLE audit (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    txid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at              timestamptz NOT NULL,
    principal       text NOT NULL,                -- staff:<id>, patient:<id>, device:<id>, service:<name>
    action          text NOT NULL,                -- patient.view, alert.acknowledge …
    subject         text NOT NULL,
    patient_id      uuid,
    allowed         boolean NOT NULL DEFAULT true,
    detail          jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_order ON audit (organization_id, txid, id);

CREATE TABLE audit_seal (
    organization_id uuid NOT NULL REFERENCES organization,
    position        bigint NOT NULL,
    audit_id        uuid NOT NULL UNIQUE REFERENCES audit,
    txid            xid8 NOT NULL,
    hash            bytea NOT NULL,               -- SHA-256(previous hash, the row in canonical form)
    sealed_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, position)
);

-- Loops say that they live; a stalled stage is seen here.
CREATE TABLE heartbeat (
    process         text NOT NULL,
    instance        text NOT NULL,
    loop            text NOT NULL,
    beat_at         timestamptz NOT NULL,
    PRIMARY KEY (process, instance, loop)
);
