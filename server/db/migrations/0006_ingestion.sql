-- Ingestion at the broker's speed: one statement enters a batch, so what it touches for every message is kept light.

-- Both name the organization of a row that another reference already ties to it: a reading's patient, an arrival's
-- device (nobody may delete either). A check for each message cost a tenth of its time and could not fail.
ALTER TABLE reading DROP CONSTRAINT reading_organization_id_fkey;
ALTER TABLE arrival DROP CONSTRAINT arrival_organization_id_fkey;

-- `through` is behind `highest` while a hole stands; the newest run of numbers, as it came, says whether it closed one.
ALTER TABLE sequence_state
    ADD COLUMN highest    bigint NOT NULL DEFAULT 0,
    ADD COLUMN came_first bigint NOT NULL DEFAULT 0,
    ADD COLUMN came_last  bigint NOT NULL DEFAULT 0;
UPDATE sequence_state s
   SET highest = coalesce((SELECT max(a.seq) FROM arrival a WHERE a.device_id = s.device_id AND a.epoch = s.epoch
                                                              AND a.seq IS NOT NULL), 0);

-- How many entries a sender brought today (UTC): above the daily cap they are quarantined.
ALTER TABLE device_state
    ADD COLUMN day       date,
    ADD COLUMN day_count integer NOT NULL DEFAULT 0;

-- Written with every batch: room on the page lets PostgreSQL update in place, without touching the index.
ALTER TABLE sequence_state SET (fillfactor = 50);
ALTER TABLE device_state SET (fillfactor = 50);

CREATE INDEX device_of_hub ON device (hub_id) WHERE hub_id IS NOT NULL;

-- Compared byte by byte, as the statement that uses it asks: else the exclusion's GiST index is taken, which looks
-- as good to the planner and is twenty times as slow for equality.
CREATE INDEX loan_of_device ON loan (device_id COLLATE "C");

-- One entry of a batch on its way in: the columns of its arrival, how often it came and what it says of its sender's
-- numbers, and the columns of its reading.
CREATE TYPE incoming_entry AS (
    sender             text,
    epoch              bigint,
    key                text,
    seq                bigint,
    hash               text,                      -- hexadecimal
    fate               text,
    reason             text,
    organization_id    uuid,
    reading_id         uuid,
    patient_id         uuid,
    measured_at        timestamptz,
    received_at        timestamptz,
    times              integer,
    came_first         bigint,                    -- on one entry of each epoch, null on the others
    came_last          bigint,
    highest            bigint,
    kind               text,
    measured_at_raw    text,
    utc_offset_minutes integer,
    zone               text,
    local_date         date,
    clock_basis        text,
    device_id          text,
    user_slot          integer,
    flags              text,                      -- separated by spaces
    context            text,
    out_of_range       text,
    judged_with        text,
    systolic_mmhg      numeric,
    diastolic_mmhg     numeric,
    pulse_bpm          numeric,
    glucose_mgdl       numeric,
    weight_kg          numeric,
    spo2_pct           numeric,
    temperature_c      numeric
);
