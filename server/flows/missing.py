"""What a sender numbered and we never got becomes an alarm, and the alarm ends when the sender sends it again."""

from datetime import datetime, timedelta

from devices import sequence_gaps
from server.db.events import Event, tell
from server.db.pool import Database, Who
from server.monitoring import alarms
from server.monitoring.alarms import Alarm

PATIENCE = timedelta(minutes=2)  # numbers overtake each other on the way; only what stays away counts
KIND = "sequence_gap"
SAYS = (
    "These numbers of the device did not arrive: readings may be missing. A hub sends them again when it is online. "
    "If they stay away, ask the patient whether measurements are missing."
)
CAME = "Closed by itself: the missing numbers arrived."


async def watch(database: Database, who: Who, now: datetime) -> int:
    """Notice new holes and close filled ones; returns how many alarms changed."""
    async with database.transaction(who) as db:
        noticed = await sequence_gaps.notice(db, now - PATIENCE, now)
        closed = await sequence_gaps.close(db, now)
        filled = {(gap.organization_id, gap.named) for gap in closed}
        missing = [gap for gap in noticed if (gap.organization_id, gap.named) not in filled]
        await alarms.raise_all(
            db,
            [
                Alarm(organization_id=g.organization_id, kind=KIND, subject=g.named, severity="medium", says=SAYS)
                for g in missing
            ],
            now,
        )
        await alarms.settle(db, KIND, sorted(filled), CAME, now)
        changed = {gap.organization_id for gap in (*noticed, *closed)}
        await tell(db, *(Event(topic="worklist", organization=organization) for organization in changed))
    return len(missing) + len(closed)
