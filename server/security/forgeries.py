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
