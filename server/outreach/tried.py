"""A reminder that surely did not arrive may be due once more, by another way: which ways failed stays on its slot."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from server.db.pool import Db

# Only what the provider says it did not bring, while the slot lasts and for a day at most. Never while nobody knows
# what became of an attempt, nor when anything ever said that it arrived.
FAILED = """
    SELECT r.patient_id, r.id, u.kind, r.tried || (m.channel || ':' || encode(m.to_hash, 'hex')) AS tried
      FROM message m
      JOIN reminder r ON r.message_id = m.id AND r.status = 'queued'
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      JOIN patient p ON p.id = r.patient_id
     WHERE m.purpose = 'reminder' AND m.status = 'failed' AND m.reason = ANY($2::text[])
       AND m.created_at > $1::timestamptz - interval '1 day'
       AND m.channel || ':' || encode(m.to_hash, 'hex') <> ALL(r.tried)
       AND $1 < valid_at(r.slot, p.zone) + make_interval(hours => least(u.lasts_hours, 24))
       AND NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id AND a.outcome NOT IN ('accepted', 'rejected'))
       AND NOT EXISTS (SELECT FROM attempt a JOIN receipt c ON c.attempt_id = a.id
                        WHERE a.message_id = m.id AND c.status IN ('delivered', 'read', 'completed', 'in-progress'))
     ORDER BY r.patient_id, r.id LIMIT 1000
       FOR UPDATE OF r SKIP LOCKED
"""
# The slot is one row: while it is planned again no message stands for it but the one that comes next.
AGAIN = """
    UPDATE reminder r
       SET tried = n.tried::text[],
           status = CASE WHEN n.again THEN 'planned' ELSE r.status END,
           reason = CASE WHEN n.again THEN NULL ELSE r.reason END,
           due_at = CASE WHEN n.again THEN $1 ELSE r.due_at END
      FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[]) AS n (patient_id, id, tried, again)
     WHERE r.patient_id = n.patient_id AND r.id = n.id AND r.status = 'queued'
"""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """One reminder; `tried` as `Way.name`, the way that has just failed among them."""

    patient_id: uuid.UUID
    id: uuid.UUID
    kind: str
    tried: list[str]


async def failed(db: Db, now: datetime, codes: Collection[str]) -> list[Failed]:
    """Those not looked at yet; `codes`: with which a provider says that it did not deliver."""
    return [Failed(**dict(row)) for row in await db.fetch(FAILED, now, list(codes))]


async def again(db: Db, looked_at: Sequence[tuple[Failed, bool]], now: datetime) -> None:
    """Each is looked at once for each way that failed; True: it is due now, by another."""
    if looked_at:
        rows = [(one.patient_id, one.id, f"{{{','.join(one.tried)}}}", due) for one, due in looked_at]
        await db.execute(AGAIN, now, *map(list, zip(*rows, strict=True)))
