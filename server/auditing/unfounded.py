"""No alert without a crossing and none that nobody closed: what is on the list rests on a finding, that on a number."""

from datetime import datetime, timedelta

from server.auditing.mismatches import Missing
from server.db.pool import Db

# A finding that was superseded is a reason too: its alert stands until a person has looked.
WITHOUT_FINDING = """
    SELECT a.organization_id, a.id::text AS key, a.patient_id, NULL::timestamptz AS measured_at
      FROM alert a JOIN audit_mark k ON k.organization_id = a.organization_id AND a.opened_at >= k.begun_at
     WHERE a.status <> 'resolved' AND a.opened_at <= $1
       AND NOT EXISTS (SELECT FROM finding f WHERE f.patient_id = a.patient_id AND f.alert_id = a.id)
"""


async def alerts(db: Db, until: datetime) -> list[Missing]:
    """Standing alerts with nothing to rest on."""
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_FINDING, until)]


# The anchor of a crossing is a reading's id, or the id of one held in doubt or texted by nobody knows whom. A meter's
# HI or LO has no number.
WITHOUT_CROSSING = """
    WITH looked AS (
        SELECT f.organization_id, f.id, f.patient_id, f.measured_at, f.side, f.value, f.limit_value, f.rule_id, f.anchor
          FROM finding f JOIN audit_mark k ON k.organization_id = f.organization_id AND f.found_at >= k.begun_at
         WHERE f.found_at > $1 AND f.found_at <= $2 AND f.superseded_at IS NULL
         UNION
        SELECT f.organization_id, f.id, f.patient_id, f.measured_at, f.side, f.value, f.limit_value, f.rule_id, f.anchor
          FROM audit_mismatch m JOIN finding f ON f.patient_id = m.patient_id AND f.id = m.key::uuid
         WHERE m.kind = 'finding_without_crossing' AND m.closed_at IS NULL AND f.superseded_at IS NULL)
    SELECT l.organization_id, l.id::text AS key, l.patient_id, l.measured_at
      FROM looked l JOIN rule u ON u.id = l.rule_id AND u.kind = 'crossing'
     WHERE l.value IS NOT NULL AND NOT CASE l.side
               WHEN 'at_or_above' THEN l.value >= l.limit_value WHEN 'above' THEN l.value > l.limit_value
               WHEN 'at_or_below' THEN l.value <= l.limit_value ELSE l.value < l.limit_value END
        OR NOT EXISTS (SELECT FROM reading r
                        WHERE r.patient_id = l.patient_id AND r.measured_at = l.measured_at AND r.id::text = l.anchor)
           AND NOT EXISTS (SELECT FROM held h WHERE h.id = CASE WHEN u.kind = 'crossing' THEN l.anchor::uuid END)
           AND NOT EXISTS (SELECT FROM texted_doubt d
                            WHERE d.id = CASE WHEN u.kind = 'crossing' THEN l.anchor::uuid END)
"""


async def findings(db: Db, since: datetime, until: datetime) -> list[Missing]:
    """Findings made after `since` and up to `until`, and those known from before, that no reading bears out."""
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_CROSSING, since, until)]


# Of the synthetic patient's the auditor resolves every one itself.
CLOSED = """
    WITH closed AS (
        SELECT organization_id, id, patient_id, opened_at FROM alert
         WHERE status = 'resolved' AND resolved_by IS NULL AND last_finding_at > $1
         UNION ALL
        SELECT organization_id, id, patient_id, opened_at FROM alert
         WHERE status = 'acknowledged' AND acknowledged_by IS NULL)
    SELECT c.organization_id, c.id::text AS key, c.patient_id, NULL::timestamptz AS measured_at
      FROM closed c
      JOIN audit_mark k ON k.organization_id = c.organization_id AND c.opened_at >= k.begun_at
      JOIN patient p ON p.id = c.patient_id AND NOT p.synthetic
"""
CLOSED_BACK = timedelta(hours=24)


async def closed(db: Db, now: datetime) -> list[Missing]:
    """Alerts that were taken or resolved, and nobody did it: an alert never closes silently."""
    return [Missing(**dict(row)) for row in await db.fetch(CLOSED, now - CLOSED_BACK)]
