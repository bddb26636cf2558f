"""The hours in which a reminder may arrive: the law's, the patient's own, on the patient's clock."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from notifications.law import FEDERAL, Hours

Topic = Literal["monitoring", "outreach"]
DAY = timedelta(days=1)
DAYS_AHEAD = 8  # whatever is closed for longer is closed
CLOSED = time.max


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Local hours in which a text may arrive: from `opens` until just before `closes`."""

    opens: time
    closes: time


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose hours, and for what: `region` is the US state they live in, if known; `own` the hours they chose."""

    zone: str
    topic: Topic = "monitoring"
    region: str | None = None
    own: Window | None = None


def window(day: date, whose: Whose, laws: Iterable[Hours]) -> Window | None:
    """What is open on a local day; None when nothing is.

    A care reminder keeps the federal hours unless the patient chose their own, recorded (a 7 a.m. insulin reminder is
    wanted). Outreach for a gap solicits: the strictest of federal law, the state's (of every state when it is not
    known) and the patient's own, which then only ever narrow (47 CFR 64.1200(c)(1) and the sources in `law.toml`).
    """
    if whose.topic == "monitoring" and whose.own is not None:
        return whose.own
    held: list[Hours | Window] = [one for one in laws if one.holds_on(day) and _binds(one, whose)]
    held += [whose.own] if whose.own else []
    opens = max((one.opens or CLOSED for one in held), default=time(0))
    closes = min((one.closes or time(0) for one in held), default=CLOSED)
    return Window(opens=opens, closes=closes) if opens < closes else None


def _binds(one: Hours, whose: Whose) -> bool:
    return one.region == FEDERAL or (whose.topic == "outreach" and whose.region in {None, one.region})


def is_open(at: datetime, whose: Whose, laws: Iterable[Hours]) -> bool:
    """May a text arrive at this moment?"""
    local = at.astimezone(ZoneInfo(whose.zone))
    hours = window(local.date(), whose, laws)
    return hours is not None and hours.opens <= local.time() < hours.closes


def next_opening(at: datetime, whose: Whose, laws: Iterable[Hours]) -> datetime | None:
    """`at` itself when a text may arrive then, else the next moment (UTC) at which one may; None: not in eight days."""
    laws = tuple(laws)
    if is_open(at, whose, laws):
        return at
    today = at.astimezone(ZoneInfo(whose.zone)).date()
    days = (today + n * DAY for n in range(DAYS_AHEAD + 1))
    return next((one for day in days for one in _openings(day, whose, laws) if one > at), None)


def _openings(day: date, whose: Whose, laws: Iterable[Hours]) -> Iterator[datetime]:
    """The day's opening: both of them where that hour comes twice, and as much later where it is skipped."""
    hours, zone = window(day, whose, laws), ZoneInfo(whose.zone)
    if hours is None:
        return
    for fold in (0, 1):
        at = datetime.combine(day, hours.opens, tzinfo=zone).replace(fold=fold).astimezone(UTC)
        if is_open(at, whose, laws):
            yield at
