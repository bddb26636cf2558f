"""What is usual for a patient: the median of their own last readings, kept by the worker, read by the registry."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from server.db.pool import Db

# Settings of 2026-11-22, for clinical sign-off: enough readings that one strange day moves nothing, and so few and
# recent that the median follows the body. Twice-daily readings fill it in ten days.
READINGS_AT_MOST = 20
READINGS_AT_LEAST = 5
LOOK_BACK = timedelta(days=90)
RENEW_AFTER = timedelta(hours=6)  # once it counts; a median of twenty moves slowly
NOT_USUAL = ["outlier", "unit_doubt"]  # flags of readings that must not move it
CHUNK = 500  # patients a transaction renews


DUE = """
    SELECT patient_id
      FROM (SELECT l.patient_id, max(greatest(own.last_seen_at, hub.last_seen_at)) AS seen_at
              FROM device d
              JOIN loan l ON l.device_id = d.id AND NOT l.lent << tstzrange($2::timestamptz - $3::interval, NULL)
              LEFT JOIN device_state own ON own.device_id = d.id
              LEFT JOIN device_state hub ON hub.device_id = d.hub_id
             WHERE l.patient_id > $1
             GROUP BY l.patient_id) seen
      LEFT JOIN (SELECT patient_id, max(as_of) AS as_of, max(readings) AS readings
                   FROM patient_baseline GROUP BY patient_id) known USING (patient_id)
     WHERE seen_at IS NOT NULL
       AND (as_of IS NULL OR (seen_at > as_of AND (as_of < $2::timestamptz - $4::interval OR readings < $5)))
     ORDER BY patient_id
     LIMIT $6
"""


async def due(db: Db, after: uuid.UUID, now: datetime) -> list[uuid.UUID]:
    """The next patients, by id, whose devices were heard since their baseline was made; a device is heard by its hub.

    It looks at devices and not at readings, so that it costs the same however many readings there are.
    """
    records = await db.fetch(DUE, after, now, LOOK_BACK, RENEW_AFTER, READINGS_AT_LEAST, CHUNK)
    return [record["patient_id"] for record in records]


# The median is one of the patient's own numbers: the lower of the middle two when they are even. A metric whose
# readings have all grown old keeps its row, with 0 readings: it no longer counts. Nothing from before a pause counts.
RENEW = """
    WITH asked AS (SELECT id, organization_id, rebaseline_from FROM patient WHERE id = ANY($1) AND NOT synthetic),
    made AS (
        SELECT p.id AS patient_id, p.organization_id, last.*
          FROM asked p
         CROSS JOIN LATERAL (
               SELECT metric, percentile_disc(0.5) WITHIN GROUP (ORDER BY value) AS value, count(*)::int AS readings
                 FROM (SELECT m.metric, m.value,
                              row_number() OVER (PARTITION BY m.metric ORDER BY r.measured_at DESC) AS place
                         FROM reading r
                        CROSS JOIN LATERAL (
                              VALUES ('systolic_mmhg', r.systolic_mmhg), ('diastolic_mmhg', r.diastolic_mmhg),
                                     ('pulse_bpm', r.pulse_bpm), ('glucose_mgdl', r.glucose_mgdl),
                                     ('weight_kg', r.weight_kg), ('spo2_pct', r.spo2_pct),
                                     ('temperature_c', r.temperature_c)) AS m (metric, value)
                        WHERE r.patient_id = p.id
                          AND r.measured_at > greatest($2::timestamptz - $3::interval, p.rebaseline_from)
                          AND r.measured_at <= $2::timestamptz
                          AND r.source = 'device' AND NOT r.flags && $5::text[] AND m.value IS NOT NULL) AS newest
                WHERE place <= $4
                GROUP BY metric) AS last),
    ended AS (
        SELECT b.patient_id, b.organization_id, b.metric, b.value, 0 FROM patient_baseline b
         WHERE b.patient_id = ANY($1)
           AND NOT EXISTS (SELECT FROM made m WHERE m.patient_id = b.patient_id AND m.metric = b.metric))
    INSERT INTO patient_baseline AS b (patient_id, organization_id, metric, value, readings, as_of)
    SELECT n.*, $2 FROM (TABLE made UNION ALL TABLE ended) AS n ORDER BY n.patient_id, n.metric
    ON CONFLICT (patient_id, metric) DO UPDATE
       SET value = excluded.value, readings = excluded.readings, as_of = excluded.as_of
     WHERE b.as_of <= excluded.as_of
"""


async def renew(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> None:
    """Make the baselines of these patients anew from their own devices' readings."""
    if patients:
        await db.execute(RENEW, list(patients), now, LOOK_BACK, READINGS_AT_MOST, NOT_USUAL)


FORGET = "UPDATE patient_baseline SET readings = 0, as_of = $2 WHERE patient_id = $1"


async def forget(db: Db, patient: uuid.UUID, now: datetime) -> None:
    """Nothing is usual for this patient from now on, until enough new readings say what is."""
    await db.execute(FORGET, patient, now)
