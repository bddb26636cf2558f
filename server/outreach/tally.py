"""What became of the reminders of some days, counted: planned, sent, waiting, dropped, and why."""

from datetime import date, datetime, time, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db

Fate = Literal["planned", "sent", "waiting", "dropped", "failed", "withheld"]

# A slot's day is the patient's own. What is in the outbox and was never put off is as good as planned.
TALLY = """
    SELECT n.kind, n.fate, CASE WHEN n.fate IN ('planned', 'sent') THEN NULL ELSE n.why END AS why,
           count(*) AS reminders, count(DISTINCT n.message_id) AS messages
      FROM (SELECT u.kind, r.message_id, CASE WHEN r.status = 'queued' THEN m.reason ELSE r.reason END AS why,
                   CASE WHEN r.status = 'suppressed' OR m.status = 'suppressed' THEN 'dropped'
                        WHEN r.status = 'planned' AND r.reason IS NULL THEN 'planned'
                        WHEN r.status = 'planned' THEN 'waiting'
                        WHEN m.status IN ('queued', 'sending') AND m.reason IS NULL THEN 'planned'
                        WHEN m.status IN ('queued', 'sending') THEN 'waiting'
                        WHEN m.status = 'withheld' THEN 'withheld'
                        WHEN m.status = 'failed' THEN 'failed'
                        ELSE 'sent' END AS fate
              FROM reminder r
              JOIN reminder_rule u ON u.id = r.reminder_rule_id
              LEFT JOIN message m ON m.id = r.message_id
             WHERE r.slot >= $1 AND r.slot < $2) AS n
     GROUP BY 1, 2, 3 ORDER BY 1, 2, reminders DESC, 3
"""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """So many reminders of a kind had this fate, in so many messages; `why` for those that were not sent."""

    kind: str
    fate: Fate
    why: str | None
    reminders: int
    messages: int


async def of_days(db: Db, first: date, last: date) -> list[Count]:
    """Of the slots from `first` to `last`, both included, on each patient's own calendar."""
    begins, ends = datetime.combine(first, time(0)), datetime.combine(last + timedelta(days=1), time(0))
    return [Count(**dict(row)) for row in await db.fetch(TALLY, begins, ends)]
