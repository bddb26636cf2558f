"""A device that has fallen silent becomes an alarm, and the alarm ends when the device is heard again."""

import uuid
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.monitoring import alarms, silence
from server.monitoring.silence import KIND, Silent, Why

NOTES: dict[Why, str] = {
    "heard": "Closed by itself: the device was heard again.",
    "hub": "Closed by itself: staff resolved the alarm of the silent hub it speaks through, and it rests with it.",
    "unwatched": "Closed by itself: no monitored patient has the device now, or its model may be silent for longer.",
}


async def watch(database: Database, who: Who, default_hours: int, now: datetime) -> int:
    """Raise what has fallen silent, close what was heard; returns how many alarms changed.

    Each silent device has its alarm, also behind a hub that is silent: there the worklist folds it under the hub's.
    Any number of workers may watch at once: of one device only one alarm can stand.
    """
    async with database.transaction(who) as db:
        unheard = await silence.unheard(db, default_hours, now)
        heard = await silence.heard_through_hub(db, [one.device_id for one in unheard if one.hub_id], now)
        silent = silence.still_silent(unheard, heard, now)
        called_for = [silence.alarm(one, now) for one in silence.spoken_of(silent)]
        changed = await alarms.keep(db, called_for, now)
        changed += await _close(db, silent, {alarm.subject for alarm in called_for}, set(heard), now)
        await tell(db, *(Event(topic="worklist", organization=organization) for organization in set(changed)))
    return len(changed)


async def _close(
    db: Db, silent: list[Silent], called_for: set[str], heard: set[str], now: datetime
) -> list[uuid.UUID]:  # fmt: skip
    """The organizations of those that ended, one for each."""
    ended = [one for one in await silence.standing(db) if one.device_id not in called_for]
    still = {one.device_id for one in silent}
    for why, note in NOTES.items():
        of_why = [(one.organization_id, one.device_id) for one in ended if silence.over(one, still, heard) == why]
        await alarms.settle(db, KIND, of_why, note, now)
    return [one.organization_id for one in ended]
