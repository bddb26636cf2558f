"""When the demo's reminders go out: at once wherever it is day, so that a visitor sees one arrive, never at night."""

from datetime import datetime
from zoneinfo import ZoneInfo

from server.db.pool import Database, Who
from server.outreach import ledger

# In one of them it is always a decent hour: the patient who fell silent stays in the first where it is.
ZONES = ("America/New_York", "Pacific/Honolulu", "Pacific/Guam", "America/Puerto_Rico", "Atlantic/Azores")
EARLIEST, LATEST = 8, 19  # whole hours; texts stop at 20 for outreach
OTHERWISE = 10


def silent_zone(now: datetime) -> str:
    """Where the patient lives who will be reminded first."""
    return next((zone for zone in ZONES if _decent(zone, now)), ZONES[0])


def hour(now: datetime) -> int:
    """The local hour of every reminder rule, from the day the demo begins on."""
    zone = silent_zone(now)
    return now.astimezone(ZoneInfo(zone)).hour if _decent(zone, now) else OTHERWISE


def _decent(zone: str, now: datetime) -> bool:
    return EARLIEST <= now.astimezone(ZoneInfo(zone)).hour <= LATEST


async def remind_at_once(database: Database, who: Who, now: datetime) -> None:
    """Give the rules that hour."""
    async with database.transaction(who) as db:
        await ledger.set_local_hour(db, hour(now))
