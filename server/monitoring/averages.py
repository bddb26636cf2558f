"""The mean of a span of local days, with what it stands on; or how much is lacking, never a number instead. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from server.monitoring.baselines import NOT_USUAL
from server.monitoring.parameters import Average
from server.monitoring.points import Point


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """`values` by metric, in its canonical unit; `points` are the readings it is the mean of."""

    values: Mapping[str, Decimal]
    count: int
    days: int
    points: tuple[Point, ...]


class NotEnough(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, and what is needed: shown instead of a number."""

    count: int
    days: int
    needs_readings: int
    needs_days: int


def mean(points: Iterable[Point], first: date, last: date, needs: Average, metrics: Sequence[str]) -> Mean | NotEnough:
    """Of the readings from `first` to `last` (local days, both included) that have all the metrics.

    A home average is valid from 3 days and 12 readings on; the European variant leaves out the first measured day
    (2025 AHA/ACC, ESH: settings of the rule). A meter's HI or LO has no number and is in no mean.
    """
    counted = [p for p in points if first <= p.local_date <= last and usual(p) and all(m in p.values for m in metrics)]
    days = {p.local_date for p in counted}
    if needs.discard_first_day and days:
        days.discard(first_day := min(days))
        counted = [p for p in counted if p.local_date != first_day]
    if not counted or len(counted) < needs.at_least_readings or len(days) < needs.at_least_days:
        return NotEnough(
            count=len(counted), days=len(days), needs_readings=needs.at_least_readings, needs_days=needs.at_least_days
        )
    return Mean(values=of(counted, metrics), count=len(counted), days=len(days), points=tuple(counted))


def of(points: Sequence[Point], metrics: Sequence[str]) -> dict[str, Decimal]:
    """The mean of each metric over the readings that have it; a metric that none has is left out."""
    found = {}
    for metric in metrics:
        values = [p.values[metric] for p in points if metric in p.values]
        if values:
            found[metric] = sum(values, Decimal()) / len(values)
    return found


def usual(point: Point) -> bool:
    """Whether it may move a mean: not what is far from the patient's own readings, or in doubt."""
    return not any(flag in NOT_USUAL for flag in point.flags)
