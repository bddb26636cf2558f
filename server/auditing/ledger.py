"""What the ledger says came in is where it says it went, and nothing is there that did not come in."""

from datetime import datetime

from server.auditing.mismatches import Missing
from server.db.pool import Db

WITHOUT_ROW = """
    WITH looked AS (
        SELECT a.organization_id, a.device_id, a.epoch, a.key, a.fate, a.reading_id, a.patient_id, a.measured_at
          FROM arrival a JOIN audit_mark k ON k.organization_id = a.organization_id AND a.received_at >= k.begun_at
         WHERE a.received_at > $1 AND a.received_at <= $2
         UNION
        SELECT a.organization_id, a.device_id, a.epoch, a.key, a.fate, a.reading_id, a.patient_id, a.measured_at
          FROM audit_mismatch m
          JOIN arrival a ON a.device_id = split_part(m.key, chr(31), 1)
                        AND a.epoch = split_part(m.key, chr(31), 2)::bigint AND a.key = split_part(m.key, chr(31), 3)
         WHERE m.kind = 'arrival_without_row' AND m.closed_at IS NULL)
    SELECT l.organization_id, concat_ws(chr(31), l.device_id, l.epoch, l.key) AS key, l.patient_id, l.measured_at
      FROM looked l
     WHERE CASE l.fate
           WHEN 'stored' THEN NOT EXISTS (
                SELECT FROM reading r
                 WHERE r.patient_id = l.patient_id AND r.measured_at = l.measured_at AND r.id = l.reading_id)
           WHEN 'held' THEN NOT EXISTS (SELECT FROM held h WHERE h.id = l.reading_id)
           ELSE NOT EXISTS (SELECT FROM quarantine q WHERE q.id = l.reading_id) END
"""


async def without_row(db: Db, since: datetime, until: datetime) -> list[Missing]:
    """Arrivals told to be stored, held or quarantined that are not there."""
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_ROW, since, until)]


# The key of the ledger is not the reading's id, so both are taken by when they came, the same for both. EXCEPT,
# since a join by that time compares every pair of a batch. What a person corrected in the queue has an id of its own,
# which `held` names.
WITHOUT_ARRIVAL = """
    WITH looked AS (
        SELECT r.id, r.organization_id, r.patient_id, r.measured_at, r.received_at
          FROM reading r JOIN audit_mark k ON k.organization_id = r.organization_id AND r.received_at >= k.begun_at
         WHERE r.source = 'device' AND r.received_at > $1 AND r.received_at <= $2
         UNION
        SELECT r.id, r.organization_id, r.patient_id, r.measured_at, r.received_at
          FROM audit_mismatch m
          JOIN reading r ON r.patient_id = m.patient_id AND r.measured_at = m.measured_at AND r.id::text = m.key
         WHERE m.kind = 'reading_without_arrival' AND m.closed_at IS NULL),
    lost AS (
        SELECT id FROM looked
        EXCEPT
        (SELECT reading_id FROM arrival WHERE received_at > $1 AND received_at <= $2
          UNION ALL
         SELECT a.reading_id FROM looked l JOIN arrival a ON a.received_at = l.received_at WHERE l.received_at <= $1))
    SELECT l.organization_id, l.id::text AS key, l.patient_id, l.measured_at
      FROM lost JOIN looked l USING (id)
     WHERE NOT EXISTS (SELECT FROM held h WHERE h.reading_id = l.id)
"""


async def without_arrival(db: Db, since: datetime, until: datetime) -> list[Missing]:
    """Readings of devices that the ledger never saw come in."""
    return [Missing(**dict(row)) for row in await db.fetch(WITHOUT_ARRIVAL, since, until)]
