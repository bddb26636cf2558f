"""Hours without anybody on shift are said before they come: a gap of a published week, and a week not published."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.monitoring.findings import Severity
from server.people import coverage, shifts

AHEAD = timedelta(hours=12)
SOON = timedelta(hours=2)  # from then on a gap pages: somebody can still be found, and whoever stands in should know
PUBLISH_WITHIN = timedelta(days=3)
KIND, UNPUBLISHED = "roster_gap", "roster_unpublished"
COVERED = "Closed by itself: somebody is on shift in those hours now."
PUBLISHED = "Closed by itself: the week is published, or somebody is on shift in all its hours."
DAY = timedelta(days=1)


async def watch(database: Database, who: Who, now: datetime) -> int:
    """Look at the next twelve hours of every published week, and at the weeks that begin in three days and are not.

    Returns how many teams have a gap in a published week.
    """
    async with database.transaction(who) as db:
        gaps = await _gaps(db, now)
        await _keep(db, KIND, gaps, COVERED, now)
        await _keep(db, UNPUBLISHED, await _unpublished(db, now), PUBLISHED, now)
    return len(gaps)


async def _keep(db: Db, kind: str, called_for: Sequence[Alarm], over_says: str, now: datetime) -> None:
    changed = set(await alarms.keep(db, called_for, now))
    subjects = {(one.organization_id, one.subject) for one in called_for}
    over = [one for one in await alarms.standing_subjects(db, kind) if one not in subjects]
    await alarms.settle(db, kind, over, over_says, now)
    await tell(db, *(Event(topic="worklist", organization=one) for one in changed | {org for org, _ in over}))


async def _gaps(db: Db, now: datetime) -> list[Alarm]:
    """Of each team the first."""
    gaps = []
    for week in await shifts.published(db, _mondays([now - DAY, now, now + DAY])):
        found = await _uncovered(db, week, now, AHEAD)
        gaps += [(week, gap) for gap in found]
    return list({week.team_id: _gap(week, gap, now) for week, gap in reversed(gaps)}.values())


def _gap(week: shifts.Published, gap: coverage.Span, now: datetime) -> Alarm:
    severity: Severity = "high" if gap[0] <= now + SOON else "medium"
    return Alarm(
        organization_id=week.organization_id, kind=KIND, subject=str(week.team_id), severity=severity,
        says=f"{week.team}: nobody is on shift {coverage.says([gap], week.zone)}. Pages then go to the stand-in. "
        "Fill the roster.",
    )  # fmt: skip


async def _unpublished(db: Db, now: datetime) -> list[Alarm]:
    """Of each team the first week. Where somebody is on shift in every hour of it, nothing is missing but the word."""
    found: dict[object, Alarm] = {}
    for week in await shifts.unpublished(db, _mondays([now, now + PUBLISH_WITHIN])):
        if week.team_id not in found and await _uncovered(db, week, now, PUBLISH_WITHIN + coverage.WEEK):
            found[week.team_id] = _not_published(week)
    return list(found.values())


def _not_published(week: shifts.Unpublished) -> Alarm:
    return Alarm(
        organization_id=week.organization_id, kind=UNPUBLISHED, subject=str(week.team_id), severity="medium",
        says=f"{week.team}: the week of {week.monday:%b} {week.monday.day} is not published, and in some of its hours "
        "nobody is on shift. Fill the roster and publish it.",
    )  # fmt: skip


def _mondays(times: Sequence[datetime]) -> list[date]:
    return sorted({at.date() - timedelta(days=at.date().weekday()) for at in times})


async def _uncovered(
    db: Db, week: shifts.Published | shifts.Unpublished, now: datetime, ahead: timedelta
) -> list[coverage.Span]:
    """What is left of the week and begins so soon."""
    begins, ends = coverage.week_of(week.monday, week.zone)
    window = (max(begins, now), min(ends, now + ahead))
    if window[0] >= window[1]:
        return []
    return await coverage.uncovered(db, week.team_id, week.monday, week.zone, window)
