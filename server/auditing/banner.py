"""What every worklist must say above everything else: that the way to it is broken, or that nobody is checking."""

from datetime import datetime

import msgspec

from server.auditing.pace import USUAL
from server.db.pool import Db


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """`broken_since`: since when there is trouble, whoever resolved its alarm.

    `unchecked`: no auditor was heard when it had to be, or ever.
    """

    broken_since: datetime | None
    unchecked: bool
    checked_at: datetime | None
    call: str | None


# Read from what others wrote: it needs no auditor to be alive, and a dead one is what it is for. A round says itself
# until when the next must have been made.
STATE = """
    SELECT least((SELECT min(opened_at) FROM alarm
                   WHERE status <> 'resolved' AND severity = 'high' AND kind IN ('canary', 'audit_mismatch')),
                 (SELECT min(noticed_at) FROM audit_mismatch WHERE closed_at IS NULL),
                 (SELECT min(finished_at) FROM canary_run
                   WHERE missing IS NOT NULL
                     AND started_at > coalesce((SELECT max(started_at) FROM canary_run
                                                 WHERE finished_at IS NOT NULL AND missing IS NULL), '-infinity')))
               AS broken_since,
           h.checked_at, coalesce(h.next_by, h.checked_at + $1::interval) AS next_by,
           coalesce((SELECT name || ', ' || phone FROM staff
                      WHERE role = 'admin' AND disabled_at IS NULL AND phone IS NOT NULL
                      ORDER BY created_at, id LIMIT 1),
                    (SELECT name || ', ' || phone FROM clinic WHERE phone IS NOT NULL ORDER BY id LIMIT 1)) AS call
      FROM (SELECT max(beat_at) AS checked_at, max(next_by) AS next_by
              FROM heartbeat
             WHERE process = 'auditor' AND loop = 'rounds' AND beat_at < $2::timestamptz + $1::interval) h
"""


async def banner(db: Db, now: datetime) -> Banner | None:
    """None while everything was found well lately."""
    row = await db.fetchrow(STATE, USUAL.checked, now)
    unchecked = row["next_by"] is None or row["next_by"] < now
    if row["broken_since"] is None and not unchecked:
        return None
    return Banner(
        broken_since=row["broken_since"], unchecked=unchecked, checked_at=row["checked_at"] if unchecked else None,
        call=row["call"],
    )  # fmt: skip
