"""Webhooks that were not signed by who they claim to be from, counted by the hour: a flood is one row."""

import uuid
from datetime import datetime

from server.db.pool import Db

COUNT = """
    INSERT INTO forgery AS f (organization_id, hour) VALUES ($1, date_trunc('hour', $2::timestamptz))
    ON CONFLICT (organization_id, hour) DO UPDATE SET seen = f.seen + 1
    RETURNING seen
"""


async def count(db: Db, organization: uuid.UUID, now: datetime) -> int:
    """How many there were in this hour, this one among them."""
    return int(await db.fetchval(COUNT, organization, now))


COUNT_UNFOUND = """
    INSERT INTO unfound_forgery AS f (hour) VALUES (date_trunc('hour', $1::timestamptz))
    ON CONFLICT (hour) DO UPDATE SET seen = f.seen + 1
"""


async def count_unfound(db: Db, now: datetime) -> None:
    """One more that is about nobody here."""
    await db.execute(COUNT_UNFOUND, now)


TELL_UNFOUND = "UPDATE unfound_forgery SET told_at = $2 WHERE told_at IS NULL AND seen >= $1 RETURNING true"


async def several_unfound(db: Db, several: int, now: datetime) -> bool:
    """True once for each hour that had so many; whoever asked tells of it."""
    return await db.fetchval(TELL_UNFOUND, several, now) is True
