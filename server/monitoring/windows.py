"""What rules over a series find in a patient's readings. Pure: the same set of readings gives the same facts.

Every kind looks back over a bounded time. Where a fact depends on the one before (a count begins anew after it, a run
is told once per so many days) it is counted anew in each block of four ISO weeks, from a fixed Monday on: so what is
found does not depend on how far back somebody looked. At the edge of a block what stands is told once more.
"""

import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring import averages
from server.monitoring.findings import Severity, Side
from server.monitoring.limits import UPPER, Limit
from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Span, Sustained, Trend
from server.monitoring.points import Point
from server.monitoring.rules import CROSSES, SEVERITIES
from server.monitoring.series import METRICS as OF_VITAL

__all__ = ["Fact", "Point", "SeriesRule", "judge"]

EPOCH = date(2024, 1, 1)  # a Monday
WEEK = 7
BLOCK = 4 * WEEK
# Settings of 2026-11-22, for clinical sign-off. Measured days further apart than a week each are no run. A day is over
# at eight the next morning: a night's late uploads still count, and nobody is woken for a mean.
RUN_WITHIN = WEEK
OVER_AT = timedelta(hours=8)
PLACES = Decimal("0.001")
METRICS: Mapping[str, tuple[str, ...]] = {str(vital): metrics for vital, metrics in OF_VITAL.items()}

Evidence = tuple[tuple[uuid.UUID, datetime], ...]


class SeriesRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it applies to one patient: `levels` are the strictest of their programmes', or their own."""

    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    vital: str
    parameters: Parameters
    levels: tuple[Limit, ...] = ()


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """`anchor` names it among the facts of its rule; `day` is the local day it rests on, `evidence` (reading, time).

    `value` against `limit_value`: a mean against its level (average; sustained: of the last day), the most extreme
    reading against its level (count; None for HI and LO), kilograms gained against the span's gain (trend), readings
    of that day against 1 (flag), windows missed in a row against the rule's number (missing).
    """

    anchor: str
    severity: Severity
    metric: str
    side: Side
    value: Decimal | None
    limit_value: Decimal
    measured_at: datetime
    day: date
    evidence: Evidence


def judge(rule: SeriesRule, points: Sequence[Point], until: date) -> list[Fact]:
    """Facts up to the local day `until`, oldest first. For kinds that take whole days it must be over: `last_day`.

    What is missing cannot be seen in readings: `schedule.missed` judges it.
    """
    known = sorted({p.id: p for p in points if p.local_date <= until}.values(), key=lambda p: (p.measured_at, p.id))
    found: list[Fact] = []
    match rule.parameters:
        case Average() as average:
            found = list(_average(rule, average, known, until))
        case Count() as count:
            found = _worst(_count(tier, count, known) for tier in _tiers(rule.levels))
        case Sustained() as sustained:
            found = _worst(_sustained(tier, sustained, known) for tier in _tiers(rule.levels))
        case Trend() as trend:
            found = list(_trend(rule, trend, known))
        case Flagged() as flagged:
            found = list(_flagged(flagged, known))
    return sorted(found, key=lambda fact: (fact.measured_at, fact.anchor))


def last_day(parameters: Parameters, now: datetime, zone: ZoneInfo) -> date:
    """The last local day that may be judged now: today, or for whole days the last one that is over."""
    if isinstance(parameters, Average | Sustained):
        return (now.astimezone(zone).replace(tzinfo=None) - OVER_AT).date() - timedelta(days=1)
    return now.astimezone(zone).date()


def reach(parameters: Parameters) -> int:
    """How many days before a block its first facts may look."""
    match parameters:
        case Average(every_weeks=weeks):
            return weeks * WEEK
        case Count(days=days):
            return days
        case Sustained(days=days):
            return days * RUN_WITHIN
        case Trend(spans=spans):
            return max((span.days for span in spans), default=0)
        case Missing(windows=windows):
            return windows * WEEK
    return 1


def block(day: date) -> date:
    """The Monday on which its block begins."""
    return EPOCH + timedelta(days=(day - EPOCH).days // BLOCK * BLOCK)


def told_in_runs(days: Iterable[tuple[date, bool]], every: int) -> Iterator[bool]:
    """Of each place in order, (day, does it stand): the first of a run that stands, then each `every`-th."""
    place, within = 0, None
    for day, stands in days:
        if not stands or block(day) != within:
            place, within = 0, block(day)
        yield stands and place % every == 0
        place += stands


def _average(rule: SeriesRule, needs: Average, points: Sequence[Point], until: date) -> Iterator[Fact]:
    """The first week of each `every_weeks` whose mean crosses."""
    metrics = METRICS.get(rule.vital, ())
    for _, mondays in itertools.groupby(
        sorted({_monday(p.local_date) for p in points}),
        key=lambda monday: (monday - EPOCH).days // (needs.every_weeks * WEEK),
    ):
        for monday in mondays:
            sunday = monday + timedelta(days=WEEK - 1)
            mean = averages.mean(points, monday, sunday, needs, metrics)
            if sunday > until or isinstance(mean, averages.NotEnough):
                continue
            if limit := _crossed(mean.values, rule.levels):
                yield _fact(f"average:{sunday}", limit, mean.values[limit.metric], mean.points, sunday)
                break


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _count(tier: Sequence[Limit], count: Count, points: Sequence[Point]) -> Iterator[Fact]:
    """A reading that completes a count; the next count begins after it, and anew in each block."""
    crossing = [(p, limit) for p in points if (limit := _crossed(p.values, tier, p))]
    first, within = 0, None
    for place, (point, limit) in enumerate(crossing):
        if block(point.local_date) != within:
            first, within = 0, block(point.local_date)
        since = point.local_date - timedelta(days=count.days - 1)
        counted = [p for p, _ in crossing[first : place + 1] if p.local_date >= since]
        if len(counted) >= count.at_least:
            first = place + 1
            yield _fact(str(point.id), limit, _extreme(counted, limit), counted, point.local_date)


def _extreme(points: Iterable[Point], limit: Limit) -> Decimal | None:
    values = [p.values[limit.metric] for p in points if limit.metric in p.values]
    return (max if limit.side in UPPER else min)(values, default=None)


def _sustained(tier: Sequence[Limit], sustained: Sustained, points: Sequence[Point]) -> Iterator[Fact]:
    """A measured day on which the means of the last `days` measured days cross; in a run each `days`-th of them."""
    metrics = sorted({limit.metric for limit in tier})
    measured: dict[date, list[Point]] = {}
    for p in points:
        if averages.usual(p) and any(metric in p.values for metric in metrics):
            measured.setdefault(p.local_date, []).append(p)
    days = sorted(measured)
    means = {day: averages.of(measured[day], metrics) for day in days}
    limits = {day: _crossed(means[day], tier) for day in days}
    runs = [days[max(0, place - sustained.days + 1) : place + 1] for place in range(len(days))]
    stand = [len(run) == sustained.days and all(map(limits.get, run)) and _near(run) for run in runs]
    for run, told in zip(runs, told_in_runs(zip(days, stand, strict=True), sustained.days), strict=True):
        if told and (limit := limits[run[-1]]):
            evidence = [p for day in run for p in measured[day]]
            yield _fact(f"sustained:{run[-1]}", limit, means[run[-1]][limit.metric], evidence, run[-1])


def _near(run: Sequence[date]) -> bool:
    return (run[-1] - run[0]).days <= (len(run) - 1) * RUN_WITHIN


def _trend(rule: SeriesRule, trend: Trend, points: Sequence[Point]) -> Iterator[Fact]:
    """Each reading against the lowest of the span before it, of the same device: a new scale begins anew.

    A reading of the same day is one more reading: a second weighing that is lower takes nothing back.
    """
    for metric in METRICS.get(rule.vital, ())[:1]:
        weighed = [p for p in points if metric in p.values and averages.usual(p) and p.device_id is not None]
        for place, point in enumerate(weighed):
            before = [p for p in weighed[:place] if p.device_id == point.device_id]
            gains = [found for span in trend.spans if (found := _gain(point, before, span, metric))]
            if gains:
                gain, span, lowest = max(gains, key=lambda one: (one[0] / one[1].gain, -one[1].days))
                yield Fact(
                    anchor=str(point.id), severity=trend.severity, metric=metric, side="at_or_above", value=gain,
                    limit_value=span.gain, measured_at=point.measured_at, day=point.local_date,
                    evidence=_evidence((lowest, point)),
                )  # fmt: skip


def _gain(point: Point, before: Sequence[Point], span: Span, metric: str) -> tuple[Decimal, Span, Point] | None:
    since = point.local_date - timedelta(days=span.days)
    inside = [p for p in before if p.local_date >= since]
    if not inside:
        return None
    lowest = min(inside, key=lambda p: p.values[metric])
    gain = point.values[metric] - lowest.values[metric]
    return (gain, span, lowest) if gain >= span.gain else None


def _flagged(flagged: Flagged, points: Sequence[Point]) -> Iterator[Fact]:
    """Once per local day, whatever vital the device measured with it."""
    days: dict[date, list[Point]] = {}
    for p in points:
        if flagged.flag in p.flags:
            days.setdefault(p.local_date, []).append(p)
    for day, of_day in days.items():
        yield Fact(
            anchor=f"flag:{flagged.flag}:{day}", severity=flagged.severity, metric=flagged.flag, side="at_or_above",
            value=Decimal(len(of_day)), limit_value=Decimal(1), measured_at=of_day[0].measured_at, day=day,
            evidence=_evidence(of_day),
        )  # fmt: skip


def _tiers(levels: Sequence[Limit]) -> Iterator[list[Limit]]:
    """For each direction and severity the levels at least as severe, as if of that one: two lows and a medium are three
    lows, and no medium."""
    for upper in (True, False):
        of_side = [limit for limit in levels if (limit.side in UPPER) == upper]
        for severity in sorted({limit.severity for limit in of_side}, key=SEVERITIES.index):
            own = [x for x in of_side if x.severity == severity]
            worse = [x for x in of_side if SEVERITIES.index(x.severity) > SEVERITIES.index(severity)]
            yield own + [msgspec.structs.replace(x, severity=severity) for x in worse]


def _worst(found: Iterable[Iterable[Fact]]) -> list[Fact]:
    """One fact for each anchor: the most severe tier that found it."""
    kept: dict[str, Fact] = {}
    for fact in itertools.chain.from_iterable(found):
        if fact.anchor not in kept or _rank(fact) > _rank(kept[fact.anchor]):
            kept[fact.anchor] = fact
    return list(kept.values())


def _crossed(values: Mapping[str, Decimal], levels: Iterable[Limit], point: Point | None = None) -> Limit | None:
    """The worst level these numbers cross; HI and LO cross every level of their side."""
    crossed = [x for x in levels if x.metric in values and CROSSES[x.side](values[x.metric], x.value)]
    if not crossed and point is not None and point.out_of_range is not None:
        upper = point.out_of_range == "above"
        crossed = [x for x in levels if x.vital == point.kind and (x.side in UPPER) == upper]
    return max(crossed, key=_level, default=None)


def _level(one: Limit) -> tuple[object, ...]:
    """Of equally severe ones the metric's name decides, and the one easiest to cross: order never does."""
    return (*_rank(one), -one.value if one.side in UPPER else one.value)


def _rank(one: Limit | Fact) -> tuple[int, str, str]:
    return SEVERITIES.index(one.severity), one.metric, one.side


def _fact(anchor: str, limit: Limit, value: Decimal | None, points: Sequence[Point], day: date) -> Fact:
    return Fact(
        anchor=anchor, severity=limit.severity, metric=limit.metric, side=limit.side,
        value=None if value is None else value.quantize(PLACES), limit_value=limit.value,
        measured_at=points[-1].measured_at, day=day, evidence=_evidence(points),
    )  # fmt: skip


def _evidence(points: Iterable[Point]) -> Evidence:
    return tuple((p.id, p.measured_at) for p in points)
