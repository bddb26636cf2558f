"""Numbers that did not arrive: a hole in a sender's sequence is noticed once, and closed when it fills."""

import uuid
from datetime import datetime
from typing import Any

import msgspec


class SequenceGap(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers `first_missing` to `last_missing`, both included, of one sender and epoch."""

    device_id: str
    epoch: int
    first_missing: int
    last_missing: int
    organization_id: uuid.UUID

    @property
    def named(self) -> str:
        """As staff read it: the device and the range."""
        one = self.first_missing == self.last_missing
        numbers = f"{self.first_missing}" if one else f"{self.first_missing}–{self.last_missing}"
        return f"{self.device_id} {numbers}" + (f" (epoch {self.epoch})" if self.epoch else "")


NOTICE = """
    WITH looked AS (
        SELECT s.device_id, s.epoch, s.organization_id, s.examined, highest.seq AS upto
          FROM sequence_state s
         CROSS JOIN LATERAL (
               SELECT a.seq FROM arrival a
                WHERE a.device_id = s.device_id AND a.epoch = s.epoch AND a.seq > s.examined AND a.received_at < $1
                ORDER BY a.seq DESC LIMIT 1) AS highest),
    holes AS (
        SELECT l.device_id, l.epoch, l.organization_id, n.before + 1 AS first_missing, n.seq - 1 AS last_missing
          FROM looked l
         CROSS JOIN LATERAL (
               SELECT a.seq, lag(a.seq, 1, l.examined) OVER (ORDER BY a.seq) AS before FROM arrival a
                WHERE a.device_id = l.device_id AND a.epoch = l.epoch AND a.seq > l.examined AND a.seq <= l.upto) AS n
         WHERE n.seq > n.before + 1),
    moved AS (
        UPDATE sequence_state s SET examined = l.upto FROM looked l
         WHERE s.device_id = l.device_id AND s.epoch = l.epoch)
    INSERT INTO sequence_gap (device_id, epoch, first_missing, last_missing, organization_id, noticed_at)
    SELECT device_id, epoch, first_missing, last_missing, organization_id, $2 FROM holes
    ON CONFLICT (device_id, epoch, first_missing) DO NOTHING
    RETURNING device_id, epoch, first_missing, last_missing, organization_id
"""


async def notice(db: Any, settled_before: datetime, now: datetime) -> list[SequenceGap]:
    """Holes below numbers that arrived before `settled_before`; each is returned once, ever."""
    return [SequenceGap(**record) for record in await db.fetch(NOTICE, settled_before, now)]


CLOSE = """
    UPDATE sequence_gap g SET closed_at = $1
     WHERE g.closed_at IS NULL
       AND (SELECT count(DISTINCT a.seq) FROM arrival a
             WHERE a.device_id = g.device_id AND a.epoch = g.epoch AND a.seq BETWEEN g.first_missing AND g.last_missing)
           = g.last_missing - g.first_missing + 1
    RETURNING device_id, epoch, first_missing, last_missing, organization_id
"""


async def close(db: Any, now: datetime) -> list[SequenceGap]:
    """Those whose numbers have all come after all."""
    return [SequenceGap(**record) for record in await db.fetch(CLOSE, now)]
