"""A battery that runs low becomes an alarm, and the alarm ends when the battery is charged."""

from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Database, Who
from server.monitoring import alarms, batteries


async def watch(database: Database, who: Who, now: datetime) -> int:
    """Returns how many alarms changed; any number of workers may watch at once."""
    async with database.transaction(who) as db:
        called_for = [batteries.alarm(one) for one in await batteries.worn(db, now)]
        changed = await alarms.keep(db, called_for, now)
        await batteries.raise_to_medium(db, called_for)
        still = {(one.organization_id, one.subject) for one in called_for}
        over = [one for one in await alarms.standing_subjects(db, batteries.KIND) if one not in still]
        await alarms.settle(db, batteries.KIND, over, batteries.CHARGED, now)
        changed += [organization for organization, _ in over]
        await tell(db, *(Event(topic="worklist", organization=one) for one in set(changed)))
    return len(changed)
