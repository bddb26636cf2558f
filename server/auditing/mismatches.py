"""A mismatch stands until it holds again: one row that lacks another, or a fault of the whole.

Only of a row a person may say that they have seen to it: what is lost does not come back. A fault, such as a loop that
stands still, lasts as long as it lasts, whatever becomes of its alarm.
"""

import uuid
from collections.abc import Sequence, Set
from datetime import datetime

import msgspec

from server.db.pool import Db


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """The row that lacks another, by its key in the table it is in."""

    organization_id: uuid.UUID
    key: str
    patient_id: uuid.UUID | None
    measured_at: datetime | None


# A person who resolved the alarm has seen to what it counted: the same row is not told again.
SEEN_TO = """
    UPDATE audit_mismatch m SET closed_at = $3
     WHERE m.kind = $1 AND m.closed_at IS NULL
       AND EXISTS (SELECT FROM alarm a
                    WHERE a.organization_id = m.organization_id AND a.kind = 'audit_mismatch' AND a.subject = $2
                      AND a.resolved_by IS NOT NULL AND a.resolved_at >= m.noticed_at)
"""
NOTICE = """
    INSERT INTO audit_mismatch AS m (organization_id, kind, key, patient_id, measured_at, noticed_at)
    SELECT n.organization_id, $6, n.key, n.patient_id, n.measured_at, $5
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
        AS n (organization_id, key, patient_id, measured_at)
     ORDER BY n.organization_id, n.key
    ON CONFLICT (organization_id, kind, key) DO NOTHING
"""
HOLDS = """
    UPDATE audit_mismatch SET closed_at = $3 WHERE kind = $1 AND closed_at IS NULL AND key <> ALL($2::text[])
"""
STANDING = """
    SELECT organization_id, count(*) FROM audit_mismatch WHERE kind = $1 AND closed_at IS NULL GROUP BY organization_id
"""


async def keep(db: Db, kind: str, subject: str, missing: Sequence[Missing], now: datetime) -> dict[uuid.UUID, int]:
    """How many stand now in each organization, given all that are missing now among the new and the known."""
    await db.execute(SEEN_TO, kind, subject, now)
    unique = {(one.organization_id, one.key): one for one in missing}
    rows = [(one.organization_id, one.key, one.patient_id, one.measured_at) for _, one in sorted(unique.items())]
    if rows:
        await db.execute(NOTICE, *map(list, zip(*rows, strict=True)), now, kind)
    await db.execute(HOLDS, kind, [key for _, key in unique], now)
    return {row["organization_id"]: row["count"] for row in await db.fetch(STANDING, kind)}


# A fault has one row in an organization, whose key is the organization's own.
BEGINS = """
    INSERT INTO audit_mismatch AS m (organization_id, kind, key, noticed_at)
    SELECT n.organization_id, n.kind, n.organization_id::text, $3
      FROM unnest($1::uuid[], $2::text[]) AS n (organization_id, kind)
     ORDER BY n.organization_id, n.kind
    ON CONFLICT (organization_id, kind, key) DO UPDATE SET noticed_at = excluded.noticed_at, closed_at = NULL
     WHERE m.closed_at IS NOT NULL
"""
ENDS = """
    UPDATE audit_mismatch m SET closed_at = $3
     WHERE m.closed_at IS NULL AND m.key = m.organization_id::text
       AND NOT EXISTS (SELECT FROM unnest($1::uuid[], $2::text[]) AS n (organization_id, kind)
                        WHERE n.organization_id = m.organization_id AND n.kind = m.kind)
"""


async def stand(db: Db, faults: Set[tuple[uuid.UUID, str]], now: datetime) -> None:
    """These faults (organization, kind) are so now, and no others."""
    organizations, kinds = [one for one, _ in sorted(faults)], [kind for _, kind in sorted(faults)]
    await db.execute(BEGINS, organizations, kinds, now)
    await db.execute(ENDS, organizations, kinds, now)
