"""Loops say that they live; a stalled one is seen by its silence."""

from datetime import datetime

from server.db.pool import Db

BEAT = """
    INSERT INTO heartbeat (process, instance, loop, beat_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (process, instance, loop) DO UPDATE SET beat_at = excluded.beat_at
"""


async def beat(db: Db, process: str, instance: str, loop: str, now: datetime) -> None:
    """This loop of this process was alive at `now`."""
    await db.execute(BEAT, process, instance, loop, now)
