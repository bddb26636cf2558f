"""How far each sender's numbers are settled without a hole: the receipt's `through`. Numbers start at 1."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

Epoch = tuple[str, int]  # (sender, epoch)

LOCK = """
    INSERT INTO sequence_state AS s (device_id, epoch, organization_id, through)
    SELECT device_id, epoch, organization_id, 0
      FROM unnest($1::text[], $2::bigint[], $3::uuid[]) AS n (device_id, epoch, organization_id)
     ORDER BY device_id, epoch
    ON CONFLICT (device_id, epoch) DO UPDATE SET through = s.through
    RETURNING device_id, epoch, through
"""


async def lock(db: Any, epochs: Mapping[Epoch, uuid.UUID]) -> dict[Epoch, int]:
    """Take these epochs for this transaction and say how far each is settled.

    The lock makes two bridges that serve one sender go one after the other, so a hole that both close
    halves of is seen as closed by the second.
    """
    if not epochs:
        return {}
    rows = [(sender, epoch, organization) for (sender, epoch), organization in sorted(epochs.items())]
    records = await db.fetch(LOCK, *map(list, zip(*rows, strict=True)))
    return {(r["device_id"], r["epoch"]): r["through"] for r in records}


ADVANCE = """
    UPDATE sequence_state s SET through = f.through
      FROM (SELECT n.device_id, n.epoch, max(run.seq) AS through
              FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (device_id, epoch, through)
             CROSS JOIN LATERAL (
                   SELECT a.seq, n.through + row_number() OVER (ORDER BY a.seq) AS expected
                     FROM (SELECT DISTINCT seq FROM arrival
                            WHERE device_id = n.device_id AND epoch = n.epoch AND seq > n.through
                            ORDER BY seq LIMIT 10000) a) AS run
             WHERE run.seq = run.expected
             GROUP BY n.device_id, n.epoch) AS f
     WHERE s.device_id = f.device_id AND s.epoch = f.epoch
    RETURNING s.device_id, s.epoch, s.through
"""


async def advance(
    db: Any, through: Mapping[Epoch, int], came: Sequence[tuple[str, int, int | None]]
) -> dict[Epoch, int]:
    """How far the epochs are settled now, given the (sender, epoch, seq) that came in this transaction.

    Only an epoch whose next number came can move; the others cost nothing however many wait behind a hole.
    """
    arrived = set(came)
    moving = [(sender, epoch, n) for (sender, epoch), n in through.items() if (sender, epoch, n + 1) in arrived]
    moved = dict(through)
    if moving:
        records = await db.fetch(ADVANCE, *map(list, zip(*moving, strict=True)))
        moved.update({(r["device_id"], r["epoch"]): r["through"] for r in records})
    return moved
