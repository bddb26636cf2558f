"""When a patient measures: the windows of their programme on their own clock, and which of them were missed. Pure."""

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring.parameters import Missing
from server.monitoring.windows import Fact, block, reach, told_in_runs

# Settings of 2026-11-22, for clinical sign-off. What was measured in time may take an hour to arrive through a hub; and
# silence is no news of the night: it is told between eight in the morning and eight in the evening.
GRACE = timedelta(hours=1)
TOLD_FROM, TOLD_UNTIL = time(8), time(20)
METRIC = "missed_windows"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement between two times of the patient's wall clock, in minutes of the day (1440 is midnight)."""

    opens: int
    closes: int
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One expected measurement: `day` and `name` are local, `opens` and `closes` moments (UTC)."""

    day: date
    name: str
    opens: datetime
    closes: datetime


def per_week(expected: Iterable[Expected]) -> int:
    """How strict a schedule is."""
    return sum(len(one.weekdays) for one in expected)


def windows(expected: Sequence[Expected], zone: ZoneInfo, first: date, last: date) -> Sequence[Window]:
    """Every window that opens on these local days, in order.

    An hour that the clock skips is nobody's: a window inside it is not expected, one that touches it ends or begins at
    the jump. An hour that comes twice belongs to its window both times.
    """
    return _windows(tuple(expected), zone, first, last)


@functools.lru_cache(maxsize=1000)  # patients of one programme and zone share their days
def _windows(expected: tuple[Expected, ...], zone: ZoneInfo, first: date, last: date) -> tuple[Window, ...]:
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for one in expected:
            opens, closes = _moment(day, one.opens, zone, fold=0), _moment(day, one.closes, zone, fold=1)
            if day.weekday() in one.weekdays and opens < closes:
                name = f"{day}T{one.opens // 60:02d}:{one.opens % 60:02d}"
                found.append(Window(day=day, name=name, opens=opens, closes=closes))
    return tuple(sorted(found, key=lambda window: (window.closes, window.opens)))


def _moment(day: date, minutes: int, zone: ZoneInfo, fold: int) -> datetime:
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    earlier, later = sorted(wall.replace(tzinfo=zone, fold=one).astimezone(UTC) for one in (0, 1))
    before = earlier.astimezone(zone).utcoffset()
    while later - earlier > timedelta(seconds=1):  # the jump lies between
        middle = earlier + (later - earlier) // 2
        earlier, later = (middle, later) if middle.astimezone(zone).utcoffset() == before else (earlier, middle)
    return later.replace(microsecond=0)


@functools.lru_cache(maxsize=10_000)
def settled_at(window: Window, zone: ZoneInfo) -> datetime:
    """From when on a window without a measurement counts as missed."""
    at = (window.closes + GRACE).astimezone(zone)
    if TOLD_FROM <= at.time() < TOLD_UNTIL:
        return at.astimezone(UTC)
    day = at.date() if at.time() < TOLD_FROM else at.date() + timedelta(days=1)
    return datetime.combine(day, TOLD_FROM, tzinfo=zone).astimezone(UTC)


def morning_after(day: date, zone: ZoneInfo) -> datetime:
    """When a local day is over: at eight the next morning."""
    return datetime.combine(day + timedelta(days=1), TOLD_FROM, tzinfo=zone).astimezone(UTC)


def next_morning(zone: ZoneInfo, now: datetime) -> datetime:
    """The next time it is eight there."""
    today = now.astimezone(zone).date()
    return next(at for n in (-1, 0) if (at := morning_after(today + timedelta(days=n), zone)) > now)


def missed(
    vital: str, rule: Missing, of_patient: Sequence[Window], measured: Sequence[datetime], zone: ZoneInfo, now: datetime
) -> list[Fact]:
    """The windows at which `rule.windows` in a row were missed, and each so many further ones.

    `of_patient` are the windows in which the patient could measure, in order. A measurement belongs to the first window
    that closes after it, so one between two windows breaks the silence too: nobody is called for measuring at noon.
    """
    settled = [window for window in of_patient if settled_at(window, zone) <= now]
    silent = list(_silent_for(settled, sorted(measured), reach(rule)))
    told = told_in_runs(((w.day, n >= rule.windows) for w, n in zip(settled, silent, strict=True)), rule.windows)
    return [_fact(vital, rule, w, n) for w, n, tells in zip(settled, silent, told, strict=True) if tells]


def _silent_for(settled: Sequence[Window], measured: Sequence[datetime], reach: int) -> Iterator[int]:
    """For each window: how many in a row, with it, were missed; counted from `reach` days before its block."""
    place, run = 0, list[Window]()
    since = settled[0].opens if settled else None
    for window in settled:
        while place < len(measured) and (since is None or measured[place] < since):
            place += 1
        run = [] if place < len(measured) and measured[place] < window.closes else [*run, window]
        since, begins = window.closes, block(window.day) - timedelta(days=reach)
        yield sum(one.day >= begins for one in run)


def _fact(vital: str, rule: Missing, window: Window, silent: int) -> Fact:
    return Fact(
        anchor=f"missed:{vital}:{window.name}", severity=rule.severity, metric=METRIC, side="at_or_above",
        value=Decimal(silent), limit_value=Decimal(rule.windows), measured_at=window.closes, day=window.day,
        evidence=(),
    )  # fmt: skip


def next_settled(of_patient: Sequence[Window], zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the next window can count as missed."""
    after = (settled_at(window, zone) for window in of_patient)
    return next(itertools.dropwhile(lambda at: at <= now, after), None)
