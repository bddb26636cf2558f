"""A device's clock compared with ours: what its status says of it, and whom a wrong clock concerns."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from devices import clocks, status
from devices.clocks import Observation, Shift
from devices.status import Status
from server.db.events import Event, tell
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm

KIND = "clock"
AGAIN_RIGHT = "Closed by itself: the device's clock was set."
UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


async def hear(db: Db, told: Sequence[tuple[str, Status]], now: datetime) -> list[Shift]:
    """Keep what devices said of themselves, in the order they said it; a clock among it is compared with ours.

    A hub's status is of the hub's own clock, and says nothing of the clocks of its devices.
    """
    await status.tell_all(db, told, now)
    said = [(device, clock) for device, one in told if (clock := one.clock_says) is not None]
    walls = [device for device, clock in said if clock.tzinfo is None]
    zones = await clocks.zones(db, walls, now) if walls else {}
    compared = [(device, clocks.of_status(clock, zones.get(device), now)) for device, clock in said]
    return await compare(
        db, [Observation(device_id=d, lag=lag, basis="status") for d, lag in compared if lag is not None], now
    )


async def compare(db: Db, observations: Sequence[Observation], now: datetime) -> list[Shift]:
    """Take observations in; a clock that went wrong raises an alarm, one that was set closes its alarm."""
    shifts = await clocks.observe(db, observations, now)
    if not shifts:
        return []
    # The old alarm names the old error, so it ends also when another error takes its place.
    known = [(shift.organization_id, shift.device_id) for shift in shifts if shift.before]
    await alarms.settle(db, KIND, sorted(known), AGAIN_RIGHT, now)
    await alarms.raise_all(db, [alarm(shift) for shift in shifts if not shift.right], now)
    await tell(db, *(Event(topic="worklist", organization=one) for one in {shift.organization_id for shift in shifts}))
    return shifts


def alarm(shift: Shift) -> Alarm:
    """What staff read of a wrong clock."""
    way = "slow" if shift.skew > timedelta() else "fast"
    return Alarm(
        organization_id=shift.organization_id, kind=KIND, subject=shift.device_id, severity="low",
        says=f"This device's clock is {in_words(abs(shift.skew))} {way}; the times of its readings are corrected."
        " Set its clock.",
    )  # fmt: skip


def in_words(error: timedelta) -> str:
    """As a person says it, in its largest unit: "3 hours", "1 day", "56 years"."""
    seconds = round(error.total_seconds() / 60) * 60
    name, size = next(((name, size) for name, size in UNITS if seconds >= size), UNITS[-1])
    count = round(seconds / size)
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
