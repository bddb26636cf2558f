"""A published week that has lost somebody raises an alarm before the hour comes, and ends it when it is covered."""

from datetime import datetime, timedelta

from server.db.events import Event, tell
from server.db.pool import Database, Who
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.people import coverage, shifts

AHEAD = timedelta(hours=12)
KIND = "roster_gap"
COVERED = "Closed by itself: somebody is on shift in those hours now."
DAY = timedelta(days=1)


async def watch(database: Database, who: Who, now: datetime) -> int:
    """Look at the next twelve hours of every published week; returns how many teams have a gap in them."""
    async with database.transaction(who) as db:
        days = {(now + n * DAY).date() for n in (-1, 0, 1)}
        mondays = sorted({day - timedelta(days=day.weekday()) for day in days})
        gaps = []
        for week in await shifts.published(db, mondays):
            begins, ends = coverage.week_of(week.monday, week.zone)
            window = (max(begins, now), min(ends, now + AHEAD))
            if window[0] < window[1]:
                gaps += [
                    (week, gap) for gap in await coverage.uncovered(db, week.team_id, week.monday, week.zone, window)
                ]
        called_for = {week.team_id: _alarm(week, gap) for week, gap in reversed(gaps)}
        changed = set(await alarms.keep(db, list(called_for.values()), now))
        subjects = {(one.organization_id, one.subject) for one in called_for.values()}
        over = [one for one in await alarms.standing_subjects(db, KIND) if one not in subjects]
        await alarms.settle(db, KIND, over, COVERED, now)
        await tell(db, *(Event(topic="worklist", organization=one) for one in changed | {org for org, _ in over}))
    return len(called_for)


def _alarm(week: shifts.Published, gap: coverage.Span) -> Alarm:
    return Alarm(
        organization_id=week.organization_id, kind=KIND, subject=str(week.team_id), severity="medium",
        says=f"{week.team}: nobody is on shift {coverage.says([gap], week.zone)}. Pages then go to the stand-in. "
        "Fill the roster.",
    )  # fmt: skip
