"""Which hours a team must be on shift, and in which of them nobody is: pure, on the team's clock."""

import uuid
from collections.abc import Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.people import holidays

Span = tuple[datetime, datetime]
WEEK = timedelta(days=7)


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """From a minute of the day to before another; 0 is Monday, and the same minute twice means: not that day."""

    weekday: int
    opens_minute: int
    closes_minute: int


def monday_of(at: datetime, zone: str) -> date:
    """The Monday of the week it is on that clock."""
    day = at.astimezone(ZoneInfo(zone)).date()
    return day - timedelta(days=day.weekday())


def week_of(monday: date, zone: str) -> Span:
    """From Monday's midnight to the next, on that clock: 167 or 169 hours when the clocks change."""
    return _at(monday, 0, zone), _at(monday + WEEK, 0, zone)


def required(hours: Sequence[Hours], monday: date, zone: str, closed: Set[date] = frozenset()) -> list[Span]:
    """When somebody must be on shift that week; a team that declared nothing is watched round the clock.

    On a closed day nobody has to be, where hours are declared: round the clock knows no holidays.
    """
    if not hours:
        return [week_of(monday, zone)]
    spans = (
        (_at(day := monday + timedelta(days=one.weekday), one.opens_minute, zone), _at(day, one.closes_minute, zone))
        for one in sorted(hours, key=lambda one: one.weekday)
        if monday + timedelta(days=one.weekday) not in closed
    )
    return _joined([(begins, ends) for begins, ends in spans if begins < ends])


def _at(day: date, minute: int, zone: str) -> datetime:
    days, minutes = divmod(minute, 24 * 60)
    local = datetime.combine(day + timedelta(days=days), time(minutes // 60, minutes % 60), ZoneInfo(zone))
    return local.astimezone(UTC)


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of the spans outside the holes, in order."""
    left = list(spans)
    for begins, ends in holes:
        left = [
            piece
            for first, last in left
            for piece in ((first, min(last, begins)), (max(first, ends), last))
            if piece[0] < piece[1]
        ]
    return _joined(sorted(left))


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for begins, ends in spans:
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        else:
            joined.append((begins, ends))
    return joined


def within(spans: Sequence[Span], window: Span) -> list[Span]:
    """The parts of the spans inside the window."""
    clipped = ((max(begins, window[0]), min(ends, window[1])) for begins, ends in spans)
    return [(begins, ends) for begins, ends in clipped if begins < ends]


def says(spans: Sequence[Span], zone: str) -> str:
    """ "Mon Nov 23, 22:00 to Tue Nov 24, 06:00; …" on that clock."""
    return "; ".join(f"{_moment(begins, zone)} to {_moment(ends, zone)}" for begins, ends in spans)


def _moment(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a %b} {local.day}, {local:%H:%M}"


HOURS = "SELECT weekday, opens_minute, closes_minute FROM monitored_hours WHERE team_id = $1 ORDER BY weekday"


async def hours_of(db: Db, team: uuid.UUID) -> list[Hours]:
    """Empty when the team declared none."""
    return [Hours(**dict(row)) for row in await db.fetch(HOURS, team)]


SET_HOURS = """
    INSERT INTO monitored_hours (team_id, weekday, opens_minute, closes_minute, organization_id)
    SELECT t.id, n.weekday, n.opens, n.closes, t.organization_id
      FROM team t, unnest($2::int[], $3::int[], $4::int[]) AS n (weekday, opens, closes)
     WHERE t.id = $1
    ON CONFLICT (team_id, weekday) DO UPDATE
       SET opens_minute = excluded.opens_minute, closes_minute = excluded.closes_minute
"""


async def set_hours(db: Db, team: uuid.UUID, hours: Sequence[Hours]) -> None:
    """All seven days."""
    rows = [(one.weekday, one.opens_minute, one.closes_minute) for one in hours]
    await db.execute(SET_HOURS, team, *map(list, zip(*rows, strict=True)))


# A shift of somebody who cannot be paged covers nothing; nor does the part of one in which its person is away.
COVERED = """
    SELECT sh.starts_at, sh.ends_at,
           array(SELECT t.starts_at FROM time_off t WHERE t.staff_id = sh.staff_id AND t.cancelled_at IS NULL
                    AND t.starts_at < sh.ends_at AND t.ends_at > sh.starts_at ORDER BY t.id) AS away_from,
           array(SELECT t.ends_at FROM time_off t WHERE t.staff_id = sh.staff_id AND t.cancelled_at IS NULL
                    AND t.starts_at < sh.ends_at AND t.ends_at > sh.starts_at ORDER BY t.id) AS away_to
      FROM shift sh JOIN staff s ON s.id = sh.staff_id
     WHERE sh.team_id = $1 AND sh.starts_at < $3 AND sh.ends_at > $2 AND sh.cancelled_at IS NULL
       AND s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY sh.starts_at
"""


async def covered(db: Db, team: uuid.UUID, window: Span) -> list[Span]:
    """When somebody who can be paged is on shift, of shifts that touch the window."""
    spans: list[Span] = []
    for row in await db.fetch(COVERED, team, *window):
        away = list(zip(row["away_from"], row["away_to"], strict=True))
        spans += without([(row["starts_at"], row["ends_at"])], away)
    return _joined(sorted(spans))


async def closed_in(db: Db, team: uuid.UUID, monday: date) -> frozenset[date]:
    """The team's holidays from that Monday on, without those on which it is monitored all the same."""
    days = (await holidays.of_teams(db, [team], monday))[team]
    return frozenset(day for day, monitored in days.items() if not monitored)


async def uncovered(db: Db, team: uuid.UUID, monday: date, zone: str, window: Span) -> list[Span]:
    """The monitored hours of that week, inside the window, in which nobody who can be paged is on shift."""
    closed = await closed_in(db, team, monday)
    needed = within(required(await hours_of(db, team), monday, zone, closed), window)
    return without(needed, await covered(db, team, window))


async def monitored(db: Db, team: uuid.UUID, now: datetime) -> bool:
    """Must somebody be on shift at this moment?"""
    zone = await zone_of(db, team)
    hours = await coming(db, team, zone, now) if zone else None
    return hours is not None and hours[0] <= now


async def coming(db: Db, team: uuid.UUID, zone: str, now: datetime) -> Span | None:
    """The team's monitored hours that it is now, else those that come next."""
    monday = monday_of(now, zone)
    return next_hours(await hours_of(db, team), await closed_in(db, team, monday), zone, now)


ZONE = "SELECT zone FROM team_clock WHERE team_id = $1"


async def zone_of(db: Db, team: uuid.UUID) -> str | None:
    """Its clinic's, else the organization's; None when there is no such team."""
    zone: str | None = await db.fetchval(ZONE, team)
    return zone


def next_hours(hours: Sequence[Hours], closed: Set[date], zone: str, now: datetime) -> Span | None:
    """The monitored hours that it is now, else those that come next; `None` when none come within two weeks."""
    monday = monday_of(now, zone)
    weeks = (required(hours, monday + n * WEEK, zone, closed) for n in range(3))
    coming = [span for span in _joined(sorted(span for week in weeks for span in week)) if span[1] > now]
    return coming[0] if coming else None
