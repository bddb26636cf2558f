"""Every reading that crosses a limit has its finding, its alert and its page; worked out here from the raw rows.

The rules are computed a second time, in SQL and from the tables alone: what `monitoring.rules` forgets, this must not
forget with it. A limit that changed within seconds of a reading says nothing about that reading.
"""

from datetime import datetime, timedelta

from server.auditing.mismatches import Missing
from server.db.pool import Db

NEAR = timedelta(seconds=5)  # a batch is judged by what stood when it was read: a change this near may count or not
ALERTS_BACK = timedelta(hours=24)

WITHOUT_FINDING = """
    WITH looked AS (
        SELECT r.id, r.organization_id, r.patient_id, r.kind, r.measured_at, r.received_at, r.out_of_range,
               r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm, r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c
          FROM reading r JOIN audit_mark k ON k.organization_id = r.organization_id AND r.received_at >= k.begun_at
         WHERE r.source IN ('device', 'texted') AND r.received_at > $1 AND r.received_at <= $2
         UNION
        SELECT r.id, r.organization_id, r.patient_id, r.kind, r.measured_at, r.received_at, r.out_of_range,
               r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm, r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c
          FROM audit_mismatch m
          JOIN reading r ON r.patient_id = m.patient_id AND r.measured_at = m.measured_at AND r.id::text = m.key
         WHERE m.kind = 'reading_without_finding' AND m.closed_at IS NULL),
    levels AS (
        SELECT l.id, l.organization_id, l.patient_id, l.measured_at, l.kind, l.out_of_range, u.vital,
               v.id AS rule_version_id, d.side, array_position(ARRAY['low', 'medium', 'high'], d.severity) AS rank,
               CASE d.metric WHEN 'systolic_mmhg' THEN l.systolic_mmhg WHEN 'diastolic_mmhg' THEN l.diastolic_mmhg
                             WHEN 'pulse_bpm' THEN l.pulse_bpm WHEN 'glucose_mgdl' THEN l.glucose_mgdl
                             WHEN 'weight_kg' THEN l.weight_kg WHEN 'spo2_pct' THEN l.spo2_pct
                             WHEN 'temperature_c' THEN l.temperature_c END AS said,
               coalesce((SELECT o.value FROM patient_limit o
                          WHERE o.patient_id = l.patient_id AND o.rule_id = u.id AND o.metric = d.metric
                            AND o.side = d.side AND o.severity = d.severity AND o.valid_from <= l.received_at
                            AND (o.valid_to IS NULL OR o.valid_to > l.received_at)
                          ORDER BY o.valid_from DESC LIMIT 1), d.value) AS limit_value
          FROM looked l
          JOIN enrolment e ON e.patient_id = l.patient_id AND e.valid_from <= l.received_at - $3::interval
               AND (e.valid_to IS NULL OR e.valid_to > l.received_at + $3::interval)
          JOIN programme_rule g ON g.programme_id = e.programme_id
          JOIN rule u ON u.id = g.rule_id AND u.kind = 'crossing'
          JOIN rule_version v ON v.rule_id = u.id AND v.valid_from <= l.received_at - $3::interval
               AND (v.valid_to IS NULL OR v.valid_to > l.received_at + $3::interval)
         CROSS JOIN LATERAL (
               SELECT metric, side, severity, value FROM rule_limit WHERE rule_version_id = v.id
                UNION ALL
               SELECT metric, side, severity, value FROM programme_limit
                WHERE rule_version_id = v.id AND programme_id = e.programme_id) d
         WHERE NOT EXISTS (
               SELECT FROM patient_limit c
                WHERE c.patient_id = l.patient_id AND c.rule_id = u.id
                  AND (c.valid_from BETWEEN l.received_at - $3::interval AND l.received_at + $3::interval
                    OR c.valid_to BETWEEN l.received_at - $3::interval AND l.received_at + $3::interval))),
    expected AS (
        SELECT id, organization_id, patient_id, measured_at, rule_version_id, max(rank) AS rank
          FROM levels
         WHERE limit_value IS NOT NULL
           AND CASE WHEN said IS NULL
                    THEN vital = kind AND out_of_range = CASE WHEN side IN ('above', 'at_or_above') THEN 'above'
                                                              ELSE 'below' END
                    WHEN side = 'at_or_above' THEN said >= limit_value WHEN side = 'above' THEN said > limit_value
                    WHEN side = 'at_or_below' THEN said <= limit_value ELSE said < limit_value END
         GROUP BY id, organization_id, patient_id, measured_at, rule_version_id)
    SELECT DISTINCT x.organization_id, x.id::text AS key, x.patient_id, x.measured_at
      FROM expected x
     WHERE NOT EXISTS (
           SELECT FROM finding f
            WHERE f.patient_id = x.patient_id AND f.rule_version_id = x.rule_version_id AND f.anchor = x.id::text
              AND (f.superseded_at IS NOT NULL
                OR array_position(ARRAY['low', 'medium', 'high'], f.severity) >= x.rank))
"""


async def without_finding(db: Db, since: datetime, until: datetime) -> list[Missing]:
    """Readings received after `since` and up to `until`, and those known from before, that lack a finding.

    A finding less severe than the reading calls for is no finding.
    """
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_FINDING, since, until, NEAR)]


WITHOUT_ALERT = """
    SELECT f.organization_id, f.id::text AS key, f.patient_id, f.measured_at
      FROM finding f JOIN audit_mark k ON k.organization_id = f.organization_id AND f.found_at >= k.begun_at
     WHERE f.found_at > $1 AND f.found_at <= $2 AND f.superseded_at IS NULL
       AND NOT EXISTS (SELECT FROM alert a WHERE a.patient_id = f.patient_id AND a.id = f.alert_id)
     UNION
    SELECT f.organization_id, f.id::text, f.patient_id, f.measured_at
      FROM audit_mismatch m JOIN finding f ON f.patient_id = m.patient_id AND f.id = m.key::uuid
     WHERE m.kind = 'finding_without_alert' AND m.closed_at IS NULL AND f.superseded_at IS NULL
       AND NOT EXISTS (SELECT FROM alert a WHERE a.patient_id = f.patient_id AND a.id = f.alert_id)
"""


async def without_alert(db: Db, until: datetime) -> list[Missing]:
    """Findings of the last day, and those known from before, that no alert holds as evidence."""
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_ALERT, until - ALERTS_BACK, until)]


UNPAGED = """
    SELECT a.organization_id, a.id::text AS key, a.patient_id, NULL::timestamptz AS measured_at
      FROM alert a JOIN audit_mark k ON k.organization_id = a.organization_id
     WHERE a.status <> 'resolved' AND a.severity = 'high'
       AND (a.page_not_before IS NULL OR a.page_not_before <= $1)   -- waits for the patient, ten minutes at most
       AND EXISTS (SELECT FROM finding f
                    WHERE f.patient_id = a.patient_id AND f.alert_id = a.id AND f.severity = 'high'
                      AND f.age = 'live' AND f.superseded_at IS NULL AND f.found_at BETWEEN k.begun_at AND $1)
       AND NOT EXISTS (SELECT FROM message m WHERE m.alert_id = a.id AND m.purpose = 'page')
"""


async def unpaged(db: Db, found_before: datetime) -> list[Missing]:
    """Standing alerts with a live high finding made before then, and no page to anybody (promise 7)."""
    return [Missing(**dict(row)) for row in await db.fetch(UNPAGED, found_before)]
