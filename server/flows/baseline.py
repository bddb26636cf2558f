"""What is usual for each patient is made anew when their devices were heard, a few hundred patients at a time."""

import uuid
from datetime import datetime

from server.db.pool import Database, Who
from server.monitoring import baselines

FIRST = uuid.UUID(int=0)


async def renew(database: Database, who: Who, now: datetime) -> int:
    """Returns how many patients were looked at; any number of workers may do the same."""
    after, looked_at = FIRST, 0
    while True:
        async with database.transaction(who) as db:
            patients = await baselines.due(db, after, now)
            await baselines.renew(db, patients, now)
        looked_at += len(patients)
        if len(patients) < baselines.CHUNK:
            return looked_at
        after = patients[-1]
