"""What the roster lacks is said before it hurts: a gap of a published week, a week not published, no stand-in."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.monitoring.findings import Severity
from server.people import coverage, shifts, stand_ins
from server.people.stand_ins import Missing

AHEAD = timedelta(hours=12)
SOON = timedelta(hours=2)  # from then on a gap pages: somebody can still be found, and whoever stands in should know
PUBLISH_WITHIN = timedelta(days=3)
RESTS = timedelta(hours=4)  # what staff resolved and is so still: said again then, or when it says something else
KIND, UNPUBLISHED, NO_STAND_IN = "roster_gap", "roster_unpublished", "no_stand_in"
COVERED = "Closed by itself: somebody is on shift in those hours now."
PUBLISHED = "Closed by itself: the week is published, or somebody is on shift in all its hours."
NAMED = "Closed by itself: the team has a stand-in who can be paged."
WHY = {
    "nobody": "it names no stand-in", "left": "the stand-in, {name}, works here no more",
    "no_telephone": "the stand-in, {name}, has no telephone",
}  # fmt: skip
DAY = timedelta(days=1)


async def watch(database: Database, who: Who, now: datetime) -> int:
    """Look at the next twelve hours of every published week, and at the weeks that begin in three days and are not.

    And at the stand-ins: whoever leaves does so at once, and nobody else would notice whom pages no longer reach.
    Returns how many teams have a gap in a published week.
    """
    async with database.transaction(who) as db:
        gaps = await _gaps(db, now)
        await _keep(db, KIND, gaps, COVERED, now)
        await _keep(db, UNPUBLISHED, await _unpublished(db, now), PUBLISHED, now)
        without = [_no_stand_in(one) for one in await stand_ins.missing(db, _mondays([now - DAY])[0])]
        await _keep(db, NO_STAND_IN, without, NAMED, now)
    return len(gaps)


async def _keep(db: Db, kind: str, called_for: Sequence[Alarm], over_says: str, now: datetime) -> None:
    changed = set(await alarms.keep(db, await alarms.awake(db, called_for, now - RESTS), now))
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


def _no_stand_in(one: Missing) -> Alarm:
    why = WHY[one.why].format(name=one.name)
    return Alarm(
        organization_id=one.organization_id, kind=NO_STAND_IN, subject=str(one.team_id), severity="high",
        says=f"{one.team}: {why}. Pages that nobody on shift gets may go to anybody, and published weeks do not count "
        "as covered. Name a stand-in on the roster, under Told next.",
    )  # fmt: skip


def _mondays(times: Sequence[datetime]) -> list[date]:
    return sorted({at.date() - timedelta(days=at.date().weekday()) for at in times})


async def _uncovered(
    db: Db, week: shifts.Published | shifts.Unpublished, now: datetime, ahead: timedelta
) -> list[coverage.Span]:
    """The gaps that are not over and begin so soon, each whole: what is said of one does not change while it lasts."""
    whole = coverage.week_of(week.monday, week.zone)
    if whole[1] <= now or whole[0] >= now + ahead:
        return []
    gaps = await coverage.uncovered(db, week.team_id, week.monday, week.zone, whole)
    return [gap for gap in gaps if gap[0] < now + ahead and gap[1] > now]
