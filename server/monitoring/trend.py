"""How a patient's numbers go from week to week: averages that say how many readings they stand on."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from server.monitoring.series import Reading, Vital
from server.monitoring.targets import Targets

WEEK = 7


class Average(msgspec.Struct, frozen=True, kw_only=True):
    """`values` is None when there were too few readings; `beyond` counts HI and LO, which have no number."""

    count: int
    days: int
    beyond: int = 0
    values: tuple[float, ...] | None = None


class Weeks(msgspec.Struct, frozen=True, kw_only=True):
    """The last seven local days with today, and the seven before."""

    this: Average
    last: Average


def weeks(vital: Vital, readings: Sequence[Reading], targets: Targets, today: date) -> Weeks:
    """`today` is the patient's local date."""
    start = today - timedelta(days=WEEK - 1)
    before = start - timedelta(days=WEEK)
    return Weeks(
        this=average(vital, [r for r in readings if start <= r.local_date <= today], targets),
        last=average(vital, [r for r in readings if before <= r.local_date < start], targets),
    )


def average(vital: Vital, readings: Sequence[Reading], targets: Targets) -> Average:
    """The mean of each number, with its count; no number at all below the needed readings and days."""
    rows = [(r.local_date, values) for r in readings if (values := r.values(vital)) is not None]
    days = len({day for day, _ in rows})
    beyond = sum(1 for r in readings if r.kind == vital and r.out_of_range)
    enough = len(rows) >= targets.average_needs_readings and days >= targets.average_needs_days
    columns = zip(*(values for _, values in rows), strict=True) if enough else ()
    means = tuple(sum(column) / len(rows) for column in columns)
    return Average(count=len(rows), days=days, beyond=beyond, values=means or None)
