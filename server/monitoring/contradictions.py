"""A contradiction is what lets a late high page nobody: a newer reading of that vital which is within limits."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from server.db.pool import Db
from server.monitoring.confirmations import IN_DOUBT

# A newer reading that is bad in its own way contradicts nothing: sugar of 45 and then 62 is a person who still needs
# help. Nor does what was typed or what is in doubt.
NEWEST = """
    SELECT n.patient_id, n.kind, max(r.measured_at) AS measured_at
      FROM unnest($1::uuid[], $2::text[]) AS n (patient_id, kind)
      JOIN reading r ON r.patient_id = n.patient_id AND r.kind = n.kind AND r.measured_at > $3
     WHERE r.source = 'device' AND r.out_of_range IS NULL AND NOT r.flags && $4::text[]
       AND NOT EXISTS (SELECT FROM finding f WHERE f.patient_id = r.patient_id AND f.anchor = r.id::text
                          AND f.superseded_at IS NULL)
     GROUP BY n.patient_id, n.kind
"""


async def newest(db: Db, of: Sequence[tuple[uuid.UUID, str]], since: datetime) -> dict[tuple[uuid.UUID, str], datetime]:
    """When each (patient, vital) was last measured within limits, looking back to `since` only; else left out."""
    if not of:
        return {}
    records = await db.fetch(NEWEST, *map(list, zip(*of, strict=True)), since, IN_DOUBT)
    return {(r["patient_id"], r["kind"]): r["measured_at"] for r in records}
