"""Quarantined bytes are removed when their time is over; that something came, from whom and why, stays."""

from datetime import datetime, timedelta

from devices import queues
from server.db.pool import Database, Who
from server.security import audit

AT_ONCE = 5_000


async def forget(database: Database, who: Who, keep_days: int, now: datetime) -> int:
    """How many lost their bytes. Several workers may ask: each takes others."""
    gone = 0
    while True:
        async with database.transaction(who) as db:
            purged = await queues.purge(db, now - timedelta(days=keep_days), AT_ONCE, now)
            for organization, count in purged:
                if organization is not None:  # a sender nobody registered belongs to nobody's audit
                    detail = {"count": count, "keep_days": keep_days}
                    await audit.note(db, who, organization, "quarantine.purge", "quarantine", now, detail=detail)
        batch = sum(count for _, count in purged)
        gone += batch
        if batch < AT_ONCE:
            return gone
