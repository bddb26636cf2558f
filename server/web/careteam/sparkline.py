"""The last two weeks of one vital as numbers for a small inline SVG: it needs no script and prints."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from server.monitoring import usual
from server.monitoring.series import Reading

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480.0, 150.0, 40.0, 10.0, 12.0, 22.0


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """`chosen`: the alert rests on it."""

    x: float
    y: float
    chosen: bool


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    text: str


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """Positions in a box; the template only draws. One line per number: two for a blood pressure."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    lines: list[list[Dot]]
    limits: list[Mark]
    ticks: list[Mark]
    count: int
    lowest: float
    highest: float


def draw(
    readings: Sequence[Reading],
    metric: str,
    limits: Sequence[float],
    chosen: Collection[uuid.UUID],
    start: datetime,
    end: datetime,
) -> Sparkline | None:
    """None below two readings: one dot shows no course."""
    metrics = usual.together(metric)
    rows = sorted(
        ((r, values) for r in readings if start <= r.measured_at <= end and (values := usual.numbers(r, metrics))),
        key=lambda row: row[0].measured_at,
    )
    if len(rows) < 2:
        return None
    numbers = [value for _, values in rows for value in values]
    low, high = min([*numbers, *limits]), max([*numbers, *limits])
    pad = max((high - low) * 0.08, 0.5)

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((at - start) / (end - start)), 1)

    def y(value: float) -> float:
        part = (value - low + pad) / (high - low + 2 * pad)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - part), 1)

    lines = [
        [Dot(x=x(r.measured_at), y=y(values[index]), chosen=r.id in chosen) for r, values in rows]
        for index in range(len(metrics))
    ]
    marks = [Mark(at=y(limit), text=f"{limit:g}") for limit in sorted(set(limits))]
    ends = [Mark(at=y(number), text=f"{number:g}") for number in (max(numbers), min(numbers))]
    ticks = [mark for mark in ends if all(abs(mark.at - limit.at) > 14 for limit in marks)]
    return Sparkline(
        width=WIDTH, height=HEIGHT, left=LEFT, right=WIDTH - RIGHT, bottom=HEIGHT - BOTTOM, lines=lines, limits=marks,
        ticks=ticks, count=len(rows), lowest=min(numbers), highest=max(numbers),
    )  # fmt: skip
