"""What every worklist must say above everything else: that the way to it is broken, or that nobody is checking."""

from datetime import datetime, timedelta

import msgspec

from server.auditing.rounds import STALLED
from server.db.pool import Db

CHECKED_WITHIN = timedelta(minutes=3)


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """`broken_since` is when the alarm opened. `unchecked`: no auditor was heard for three minutes, or ever."""

    broken_since: datetime | None
    unchecked: bool
    checked_at: datetime | None
    call: str | None


# Read from what others wrote: it needs no auditor to be alive, and a dead one is what it is for.
STATE = """
    SELECT (SELECT min(opened_at) FROM alarm
             WHERE status <> 'resolved'
               AND (kind = 'canary' OR kind = 'audit_mismatch' AND subject = $1)) AS broken_since,
           (SELECT max(beat_at) FROM heartbeat WHERE process = 'auditor') AS checked_at,
           coalesce((SELECT name || ', ' || phone FROM staff
                      WHERE role = 'admin' AND disabled_at IS NULL AND phone IS NOT NULL
                      ORDER BY created_at, id LIMIT 1),
                    (SELECT name || ', ' || phone FROM clinic WHERE phone IS NOT NULL ORDER BY id LIMIT 1)) AS call
"""


async def banner(db: Db, now: datetime) -> Banner | None:
    """None while everything was found well lately."""
    row = await db.fetchrow(STATE, STALLED)
    unchecked = row["checked_at"] is None or row["checked_at"] < now - CHECKED_WITHIN
    if row["broken_since"] is None and not unchecked:
        return None
    return Banner(
        broken_since=row["broken_since"], unchecked=unchecked, checked_at=row["checked_at"] if unchecked else None,
        call=row["call"],
    )  # fmt: skip
