"""How many of the measurements that their programmes expect a patient took in the last four weeks.

A measurement belongs to the first window that closes after it, as where missed ones are told (`monitoring/schedule`),
so the picture and the alert never disagree. Windows count once they are settled, while the patient was enrolled and
could measure: they had a device for it, or had measured it before.
"""

import bisect
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.monitoring import points, schedule, series_devices
from server.monitoring.schedule import Expected, Window

DAYS = 28
WEEK = 7


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A local day: so many windows of it, and so many with a measurement."""

    day: date
    kept: int
    expected: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One vital of one programme; `weeks` are whole weeks from Monday on, days ahead have nothing expected."""

    programme: str
    vital: str
    kept: int
    expected: int
    weeks: list[list[Day]]

    @property
    def percent(self) -> int | None:
        """None when nothing was expected yet: that is no zero."""
        return round(100 * self.kept / self.expected) if self.expected else None


# The database may say 24:00, which no clock here can.
PLANS = """
    SELECT g.id AS programme_id, g.name, e.vital, greatest(v.valid_from, n.valid_from, p.rebaseline_from) AS since,
           p.zone, (extract(epoch FROM e.opens) / 60)::int AS opens, (extract(epoch FROM e.closes) / 60)::int AS closes,
           e.weekdays
      FROM enrolment n
      JOIN patient p ON p.id = n.patient_id
      JOIN programme g ON g.id = n.programme_id
      JOIN programme_version v ON v.programme_id = g.id AND v.valid_to IS NULL
      JOIN expected_measurement e ON e.programme_version_id = v.id
     WHERE n.patient_id = $1 AND n.valid_from <= $2 AND (n.valid_to IS NULL OR n.valid_to > $2)
     ORDER BY g.name, e.vital, e.opens
"""


async def of_patient(db: Db, patient: uuid.UUID, now: datetime) -> list[Kept]:
    """For each programme they are in now and each vital it expects."""
    rows = await db.fetch(PLANS, patient, now)
    if not rows:
        return []
    zone = ZoneInfo(rows[0]["zone"])
    first = monday(now.astimezone(zone).date()) - timedelta(days=DAYS - WEEK)
    begin = now - timedelta(days=DAYS + 2)
    lent = (await series_devices.of_patients(db, [patient], begin)).get(patient, [])
    measured = (await points.measured(db, [patient], [begin]))[patient]
    found = []
    for name, vital, since in sorted({(row["name"], row["vital"], row["since"]) for row in rows}):
        own = [row for row in rows if (row["name"], row["vital"]) == (name, vital)]
        expected = [Expected(opens=r["opens"], closes=r["closes"], weekdays=tuple(r["weekdays"])) for r in own]
        every = schedule.windows(expected, zone, first, now.astimezone(zone).date())
        times = sorted(measured.get(vital, []))
        able = series_devices.able([w for w in every if w.opens >= since], vital, lent, min(times, default=None))
        found.append(judge(name, vital, able, times, zone, now))
    return found


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def judge(
    programme: str, vital: str, windows: Sequence[Window], measured: Sequence[datetime], zone: ZoneInfo, now: datetime
) -> Kept:
    """Pure. `windows` in order, `measured` sorted; a window that is open still counts only once it is kept."""
    days: dict[date, tuple[int, int]] = {}
    for window, kept in _kept(windows, measured):
        if kept or schedule.settled_at(window, zone) <= now:
            before = days.get(window.day, (0, 0))
            days[window.day] = (before[0] + kept, before[1] + 1)
    start = monday(now.astimezone(zone).date()) - timedelta(days=DAYS - WEEK)
    weeks = [[_day(start + timedelta(days=WEEK * week + n), days) for n in range(WEEK)] for week in range(DAYS // WEEK)]
    return Kept(
        programme=programme, vital=vital, kept=sum(kept for kept, _ in days.values()),
        expected=sum(expected for _, expected in days.values()), weeks=weeks,
    )  # fmt: skip


def _day(day: date, days: dict[date, tuple[int, int]]) -> Day:
    kept, expected = days.get(day, (0, 0))
    return Day(day=day, kept=kept, expected=expected)


def _kept(windows: Sequence[Window], measured: Sequence[datetime]) -> Iterable[tuple[Window, bool]]:
    """Each window, and whether something was measured after the one before it closed and before it closes itself."""
    since: datetime | None = None
    for window in windows:
        place = bisect.bisect_left(measured, window.opens if since is None else min(since, window.opens))
        yield window, place < len(measured) and measured[place] < window.closes
        since = window.closes
