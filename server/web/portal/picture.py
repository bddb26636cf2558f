"""A chart as numbers for an inline SVG: it needs no script, prints, and stands beside the same facts in words."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from server.monitoring.series import METRICS, Reading, Vital
from server.monitoring.targets import Goal
from server.web.portal.words import Words, customary, plain

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 340.0, 44.0, 12.0, 14.0, 26.0


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    x: float
    y: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One series; `name` picks its shape and dash, so that it is told apart without colour."""

    name: str
    points: str
    dots: list[Dot]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A line across or a label below, at a position, with its text."""

    at: float
    text: str


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """A meter's HI or LO: at the edge, with its word."""

    x: float
    y: float
    text: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Positions in a box of `width` × `height`; the template only draws."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    lines: list[Line]
    goals: list[Mark]
    values: list[Mark]
    days: list[Mark]
    beyond: list[Beyond]
    label: str


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """From a moment and a number (in customary units) to a position."""

    start: datetime
    span: timedelta
    low: float
    high: float
    height: float

    def x(self, moment: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((moment - self.start) / self.span), 1)

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(TOP + (self.height - TOP - BOTTOM) * (1 - part), 1)


def draw(
    vital: Vital,
    readings: Sequence[Reading],
    goal: Goal | None,
    words: Words,
    start: datetime,
    now: datetime,
    height: float = 170,
) -> Picture | None:
    """None below two readings with numbers: one dot shows no trend."""
    rows = sorted((r for r in readings if r.tells(vital)), key=lambda r: r.measured_at)
    numbered = [r for r in rows if r.values(vital) is not None]
    if len(numbered) < 2:
        return None
    edges = [customary(vital, x) for x in goal_edges(goal)]
    scale = _scale(vital, numbered, edges, start, now, height)
    return Picture(
        width=WIDTH,
        height=height,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=height - BOTTOM,
        lines=[_line(vital, index, numbered, scale) for index in range(len(METRICS[vital]))],
        goals=[Mark(at=scale.y(edge), text=plain(edge)) for edge in edges],
        values=_values(scale, edges),
        days=_days(scale, words, start, now),
        beyond=[_beyond(r, scale, words) for r in rows if r.out_of_range and r.values(vital) is None],
        label=words(
            "chart.label",
            vital=words(f"in_sentence.{vital}"),
            count=len(rows),
            first=words.short(rows[0].local_date),
            last=words.short(rows[-1].local_date),
        ),
    )


def goal_edges(goal: Goal | None) -> list[float]:
    """The lines of a goal, in stored units."""
    if goal is None:
        return []
    every = (goal.below_systolic_mmhg, goal.below_diastolic_mmhg, goal.low, goal.high, goal.below)
    return [edge for edge in every if edge is not None]


def _scale(
    vital: Vital,
    readings: Iterable[Reading],
    edges: Sequence[float],
    start: datetime,
    now: datetime,
    height: float,
) -> Scale:
    numbers = [customary(vital, value) for r in readings for value in r.values(vital) or ()]
    low, high = min([*numbers, *edges]), max([*numbers, *edges])
    pad = max((high - low) * 0.12, 1)
    return Scale(start=start, span=now - start, low=low - pad, high=high + pad, height=height)


def _line(vital: Vital, index: int, readings: Iterable[Reading], scale: Scale) -> Line:
    dots = [
        Dot(x=scale.x(r.measured_at), y=scale.y(customary(vital, values[index])))
        for r in readings
        if (values := r.values(vital)) is not None
    ]
    points = " ".join(f"{dot.x},{dot.y}" for dot in dots)
    return Line(name=("first", "second")[index], points=points, dots=dots)


def _values(scale: Scale, edges: Sequence[float]) -> list[Mark]:
    """Top and bottom of the scale, unless a goal's own label stands there already."""
    taken = [scale.y(edge) for edge in edges]
    ends = [scale.high, scale.low]
    marks = [Mark(at=scale.y(end), text=f"{end:.0f}") for end in ends]
    return [mark for mark in marks if all(abs(mark.at - y) > 16 for y in taken)]


def _days(scale: Scale, words: Words, start: datetime, now: datetime) -> list[Mark]:
    middle = start + (now - start) / 2
    return [Mark(at=scale.x(moment), text=words.short(words.local_day(moment))) for moment in (start, middle, now)]


def _beyond(reading: Reading, scale: Scale, words: Words) -> Beyond:
    above = reading.out_of_range == "above"
    y = TOP if above else scale.height - BOTTOM
    return Beyond(x=scale.x(reading.measured_at), y=y, text=words("spoken.hi" if above else "spoken.lo"))
