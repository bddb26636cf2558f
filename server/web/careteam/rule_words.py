"""Rules in words: a level, what a rule over a series asks for, and what a draft would change."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Sustained, Trend
from server.monitoring.rule_checks import number
from server.monitoring.rule_content import SEVERITIES, Content, Expected, Level, ProgrammeContent, RuleContent
from server.web import shown
from server.web.shown import METRIC_UNITS, SIDES, UNITS, plain, vital

METRICS: Final = {
    "systolic_mmhg": "systolic",
    "diastolic_mmhg": "diastolic",
    "pulse_bpm": "pulse",
    "glucose_mgdl": "glucose",
    "weight_kg": "weight",
    "spo2_pct": "oxygen saturation",
    "temperature_c": "temperature",
}
KINDS: Final = {
    "crossing": "each reading",
    "average": "average of a week",
    "count": "count in a window",
    "sustained": "days in a row",
    "trend": "gain over days",
    "flag": "the device's flag",
    "missing": "measurements that did not come",
}
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STATES: Final = {
    "draft": "waits for a second person",
    "approved": "approved",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
    "superseded": "taken over to a newer version",
}

Names = Mapping[UUID, str]  # of programmes


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference in words; None where there was or will be nothing."""

    what: str
    before: str | None
    after: str | None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The levels of everybody, or of one programme, the worst first."""

    name: str | None
    levels: list[Level]


def level(one: Level) -> str:
    """ "systolic ≥ 180 mmHg", or what stands instead of a number."""
    name = METRICS.get(one.metric, plain(one.metric))
    if one.value is None:
        return f"{name} {SIDES[one.side]} the patient's own limit"
    return f"{name} {SIDES[one.side]} {number(one.value)} {METRIC_UNITS.get(one.metric, '')}".strip()


def scopes(levels: Sequence[Level], names: Names) -> list[Scope]:
    """Everybody's first, then programme by programme."""
    whose = {one.programme: names.get(one.programme, "") if one.programme else "" for one in levels}
    ordered = sorted(levels, key=lambda x: (x.programme is not None, whose[x.programme], *worst_first(x)))
    grouped = itertools.groupby(ordered, key=lambda x: x.programme)
    return [Scope(name=names.get(of, "A programme") if of else None, levels=list(own)) for of, own in grouped]


def worst_first(one: Level) -> tuple[str, int, int, str]:
    """The order in which levels are read: everybody's, then by severity, systolic before diastolic."""
    return (str(one.programme or ""), -SEVERITIES.index(one.severity), _place(one.metric), one.side)


def _place(metric: str) -> int:
    metrics = list(METRICS)
    return metrics.index(metric) if metric in metrics else len(metrics)


def asked(parameters: Parameters | None, kind: str) -> str:
    """What a rule over a series asks for, as a sentence; empty for one judged with each reading."""
    match parameters:
        case Average(at_least_days=days, at_least_readings=readings, discard_first_day=discard, every_weeks=weeks):
            first = ", without its first day" if discard else ""
            least = f"of at least {readings} readings on at least {days} days"
            return f"The average of a week{first}, {least}; told at most once in {_so_many(weeks, 'week')}."
        case Count(at_least=readings, days=days):
            return f"At least {_so_many(readings, 'reading')} beyond a level within {_so_many(days, 'day')}."
        case Sustained(days=days):
            return f"The averages of {days} measured days in a row beyond a level."
        case Trend(spans=spans, severity=severity):
            gains = " or ".join(
                f"{number(x.gain)} {UNITS.get(kind, '')} within {_so_many(x.days, 'day')}" for x in spans
            )
            return f"A gain of {gains} or more on the same device: {severity}."
        case Flagged(flag=flag, severity=severity):
            return f"The device says “{plain(flag)}”, told once a day: {severity}."
        case Missing(windows=windows, severity=severity):
            return f"{_so_many(windows, 'expected measurement')} in a row did not come: {severity}."
    return ""


def _so_many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def expected(one: Expected) -> str:
    """ "Blood pressure, 05:00 to 12:00 every day"."""
    days = "every day" if len(one.weekdays) == 7 else ", ".join(WEEKDAYS[day] for day in one.weekdays)
    return f"{vital(one.vital)}, {one.opens} to {one.closes} {days}"


def changes(old: Content | None, new: Content, names: Names, kind: str) -> list[Change]:
    """What the new content changes; all of it where there was none."""
    if isinstance(new, RuleContent):
        before = old if isinstance(old, RuleContent) else None
        return [one for one in _of_rule(before, new, names, kind) if one.before != one.after]
    was = old if isinstance(old, ProgrammeContent) else None
    return [one for one in _of_programme(was, new) if one.before != one.after]


def _of_rule(old: RuleContent | None, new: RuleContent, names: Names, kind: str) -> Iterator[Change]:
    yield from _levels(old.levels if old else (), new.levels, names)
    before = asked(old.parameters, kind) if old else None
    yield Change(what="Asks for", before=before or None, after=asked(new.parameters, kind) or None)
    was = [names.get(one, "") for one in old.programmes] if old else []
    now = [names.get(one, "a programme") for one in new.programmes]
    yield Change(what="Judges patients of", before=", ".join(sorted(was)) or None, after=", ".join(sorted(now)) or None)
    yield Change(what="Text", before=old.explains if old else None, after=new.explains)
    yield Change(what="Source", before=old.source if old else None, after=new.source)
    theirs = {one.programme: one for one in (old.protocols if old else ())}
    ours = {one.programme: one for one in new.protocols}
    for programme in sorted({*theirs, *ours}, key=lambda one: names.get(one, "")):
        said, says = theirs.get(programme), ours.get(programme)
        what = f"Text for {names.get(programme, 'a programme')}"
        yield Change(
            what=what, before=f"{said.explains} ({said.source})" if said else None,
            after=f"{says.explains} ({says.source})" if says else None,
        )  # fmt: skip


def _levels(old: Sequence[Level], new: Sequence[Level], names: Names) -> Iterator[Change]:
    """Paired by whose they are, how severe, which number and which side of it."""
    was, now = ({_pair(one): one for one in levels} for levels in (old, new))
    for key in sorted({*was, *now}, key=lambda key: (key[0] != "", key)):
        before, after = was.get(key), now.get(key)
        one = after or before
        assert one is not None
        whose = f", {names.get(one.programme, 'a programme')}" if one.programme else ""
        yield Change(
            what=f"{one.severity.capitalize()}{whose}", before=level(before) if before else None,
            after=level(after) if after else None,
        )  # fmt: skip


def _pair(one: Level) -> tuple[str, int, int, bool]:
    programme, severity, place, _ = worst_first(one)
    return (programme, severity, place, one.side in {"below", "at_or_below"})


def _of_programme(old: ProgrammeContent | None, new: ProgrammeContent) -> Iterator[Change]:
    was, now = (set(map(expected, one.expected)) if one else set() for one in (old, new))
    for gone in sorted(was - now):
        yield Change(what="To be measured", before=gone, after=None)
    for more in sorted(now - was):
        yield Change(what="To be measured", before=None, after=more)
    yield Change(what="Hours", before=_hours(old), after=_hours(new))
    yield Change(what="Blood-pressure page", before=_waits(old), after=_waits(new))
    yield Change(what="Protocol", before=old.explains if old else None, after=new.explains)
    yield Change(what="Source", before=old.source if old else None, after=new.source)


def _hours(content: ProgrammeContent | None) -> str | None:
    if content is None:
        return None
    return "watched round the clock" if content.around_the_clock else "outside monitored hours patients are told so"


def _waits(content: ProgrammeContent | None) -> str | None:
    if content is None:
        return None
    minutes = content.page_waits_minutes
    return f"waits up to {_so_many(minutes, 'minute')} for the patient's answer" if minutes else "goes out at once"


def day(at: datetime, zone: str, now: datetime) -> str:
    """ "Nov 12", with the year when it is another."""
    return shown.day(at, zone, now)


def clock(at: datetime, zone: str) -> str:
    """ "08:12:30" on the clinic's wall."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def shares(part: float | None) -> str:
    """0.417 → "42 %"; None: too few."""
    return "too few to say" if part is None else f"{Decimal(part * 100):.0f} %"


def seconds(count: float) -> str:
    """95 → "2 min"; short spans in seconds, long ones in hours."""
    if count < 90:
        return f"{count:.0f} s"
    return f"{count / 60:.0f} min" if count < 5400 else f"{count / 3600:.1f} h"
