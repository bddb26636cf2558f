"""The auditor's own beats say until when the next must come: so who watches it needs none of its settings."""

from datetime import datetime

from server.db.pool import Db

BEAT = """
    INSERT INTO heartbeat (process, instance, loop, beat_at, next_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (process, instance, loop) DO UPDATE SET beat_at = excluded.beat_at, next_by = excluded.next_by
"""


async def beat(db: Db, process: str, instance: str, loop: str, now: datetime, next_by: datetime | None = None) -> None:
    """This loop was alive at `now`, and is to be missed when it is not heard again by `next_by`."""
    await db.execute(BEAT, process, instance, loop, now, next_by)


# Somebody who never answered is to be missed as well, from when we first asked.
ASKED = """
    INSERT INTO heartbeat (process, instance, loop, beat_at) VALUES ($1, $2, 'answers', $3) ON CONFLICT DO NOTHING
"""


async def answered(db: Db, who: str, instance: str, now: datetime, *, answers: bool, missed: bool) -> None:
    """Note that `who` answered; when it did not, and is to be `missed` even if it never did, that it was asked."""
    if answers:
        await beat(db, who, instance, "answers", now)
    elif missed:
        await db.execute(ASKED, who, instance, now)


CLOCK = "SELECT clock_timestamp()"


async def database_clock(db: Db) -> datetime:
    """What time the database says it is."""
    said: datetime = await db.fetchval(CLOCK)
    return said
