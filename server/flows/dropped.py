"""The broker says when it drops messages; what it dropped never reached us, so every organization must know."""

from collections.abc import Iterable
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.people import organizations

SAYS = (
    "The broker dropped messages: readings may be missing until their hubs send them again. Look at its log, its disk "
    "and its queue limits (max_queued_messages must be 0 or large)."
)


class Drops:
    """The broker's own counter of dropped messages, as last heard.

    Mosquitto says it when it changes, and we ask for no retained words of the past: whatever is heard is news. A
    broker that restarts begins at 0 again.
    """

    def __init__(self) -> None:
        self._last = 0

    def grew(self, counters: Iterable[bytes]) -> bool:
        """True when messages were dropped since it was last heard."""
        rose = False
        for counter in counters:
            if counter.isdigit():
                now = int(counter)
                rose = rose or now not in (0, self._last)
                self._last = now
        return rose


async def alarm(db: Db, now: datetime) -> None:
    """One open alarm in every organization."""
    everybody = [one.id for one in await organizations.list_all(db)]
    await alarms.raise_all(
        db,
        [
            Alarm(organization_id=one, kind="broker_drops", subject="broker", severity="high", says=SAYS)
            for one in everybody
        ],
        now,
    )
    await tell(db, *(Event(topic="worklist", organization=one) for one in everybody))
