"""A patient's readings of a week, a month or three months: per vital, by day, newest first, and a chart."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, get_args

import msgspec

from server.monitoring.series import VITALS, Reading, Vital
from server.monitoring.targets import Targets
from server.monitoring.today import goal_for, judge
from server.web.portal.cards import SHAPES, TONES, averages
from server.web.portal.picture import Picture, draw
from server.web.portal.visit import Visit

Range = Literal["week", "month", "quarter"]
RANGES: tuple[Range, ...] = get_args(Range)
DAYS: dict[Range, int] = {"week": 7, "month": 30, "quarter": 91}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    time: str
    number: str
    spoken: str
    words: str | None
    context: str | None
    tone: str
    shape: str


class Day(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    rows: list[Row]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One vital's part of the page."""

    vital: Vital
    title: str
    unit: str
    count: str
    goal: str | None
    averages: tuple[str, ...]
    picture: Picture | None
    days: list[Day]


def start_of(span: Range, now: datetime) -> datetime:
    """Whole local days are cut off by `sections`, so a day more than asked is read."""
    return now - timedelta(days=DAYS[span] + 1)


def sections(visit: Visit, readings: Sequence[Reading], targets: Targets, span: Range) -> list[Section]:
    """Only vitals that have a reading in the span."""
    first = visit.today - timedelta(days=DAYS[span] - 1)
    within = [r for r in readings if r.local_date >= first]
    told = [(vital, [r for r in within if r.tells(vital)]) for vital in VITALS]
    return [_section(visit, vital, rows, readings, targets, span) for vital, rows in told if rows]


def _section(
    visit: Visit,
    vital: Vital,
    rows: Sequence[Reading],
    readings: Sequence[Reading],
    targets: Targets,
    span: Range,
) -> Section:
    words, goal = visit.words, goal_for(vital, None, targets)
    count = words("history.count_one") if len(rows) == 1 else words("history.count", count=len(rows))
    start = visit.now - timedelta(days=DAYS[span])
    return Section(
        vital=vital,
        title=words(f"vital.{vital}"),
        unit=words(f"unit.{vital}"),
        count=count,
        goal=words.goal(vital, goal) if goal else None,
        # The week before lies outside a week's readings: it would be said to have none.
        averages=averages(vital, readings, targets, words, visit.now)[: 1 if span == "week" else 2],
        picture=draw(vital, [r for r in rows if r.measured_at >= start], goal, words, start, visit.now),
        days=[
            Day(name=_day_name(visit, same[0]), rows=[_row(visit, vital, r, targets) for r in same])
            for same in _by_day(rows)
        ],
    )


def _by_day(rows: Sequence[Reading]) -> list[list[Reading]]:
    newest_first = sorted(rows, key=lambda r: (r.local_date, r.measured_at), reverse=True)
    return [list(same) for _, same in groupby(newest_first, key=lambda r: r.local_date)]


def _day_name(visit: Visit, reading: Reading) -> str:
    day = visit.words.day(reading.local_date)
    ago = (visit.today - reading.local_date).days
    near = {0: "history.today", 1: "history.yesterday"}.get(ago)
    return f"{visit.words(near)}, {day}" if near else day


def _row(visit: Visit, vital: Vital, reading: Reading, targets: Targets) -> Row:
    words, level = visit.words, judge(vital, reading, targets)
    return Row(
        at=reading.measured_at,
        time=words.clock(reading.measured_at),
        number=words.values(vital, reading),
        spoken=words.spoken(vital, reading),
        words=words.maybe(f"short.{level}"),
        context=words.maybe(f"context.{reading.context}") if reading.context else None,
        tone=TONES[level],
        shape=SHAPES[level],
    )
