"""What was usual for a patient in the seven days before a moment: a mean, and how many readings it stands on. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from server.monitoring.baselines import NOT_USUAL
from server.monitoring.series import METRICS, Reading

DAYS = timedelta(days=7)
AT_LEAST = 3  # readings; setting of 2026-11-22, for clinical sign-off: below it no number is shown


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """`values` in the order of `metrics`, canonical units; None when there are not enough readings."""

    metrics: tuple[str, ...]
    count: int
    values: tuple[float, ...] | None


def together(metric: str) -> tuple[str, ...]:
    """The metrics that are read as one: both of a blood pressure; of a number that is no vital (a flag) none."""
    return next((metrics for metrics in METRICS.values() if metric in metrics), ())


def numbers(reading: Reading, metrics: Iterable[str]) -> tuple[float, ...] | None:
    found = [getattr(reading, metric) for metric in metrics]
    return None if not found or None in found else tuple(found)


def before(readings: Sequence[Reading], metric: str, at: datetime) -> Usual:
    """The mean of what a device measured in the seven days before `at`, without what is far from their usual."""
    metrics = together(metric)
    rows = [
        values
        for r in readings
        if at - DAYS <= r.measured_at < at and r.source == "device" and not set(r.flags) & set(NOT_USUAL)
        if (values := numbers(r, metrics)) is not None
    ]
    enough = len(rows) >= AT_LEAST
    means = tuple(sum(column) / len(rows) for column in zip(*rows, strict=True)) if enough else None
    return Usual(metrics=metrics, count=len(rows), values=means)
