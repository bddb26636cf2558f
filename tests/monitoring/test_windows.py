"""Rules over a series at each boundary, as tables; and in any order, with any repetition, the same facts."""

import itertools
import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.units import canonical
from server.monitoring import averages, windows
from server.monitoring.averages import Mean, NotEnough
from server.monitoring.findings import Severity, Side
from server.monitoring.limits import UPPER, Limit
from server.monitoring.parameters import Average, Count, Flagged, Parameters, Span, Sustained, Trend
from server.monitoring.rules import CROSSES
from server.monitoring.windows import BLOCK, EPOCH, Fact, Point, SeriesRule, judge

DAY = timedelta(days=1)
MONDAY = date(2026, 11, 2)  # 148 weeks after the epoch: a block begins
ORACLE = Path(__file__).parents[3] / "shared/fixtures/devices/smbp_week.json"
GAIN = Trend(spans=(Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.27"))))
LATEST = MONDAY + timedelta(days=400)
SEED = 20261122

numbers = itertools.count(1)


def point(day: int, at: time = time(8), kind: str = "blood_pressure", **said: Any) -> Point:
    """`day` counts from the Monday; `bp=(systolic, diastolic)` or a metric's value."""
    values = dict(zip(("systolic_mmhg", "diastolic_mmhg"), said.pop("bp", ()), strict=False))
    device, flags, beyond = said.pop("device", "cuff"), said.pop("flags", ()), said.pop("beyond", None)
    local = MONDAY + day * DAY
    return Point(
        id=uuid.UUID(int=next(numbers)), kind=kind, local_date=local, device_id=device, flags=flags, out_of_range=beyond,
        measured_at=datetime.combine(local, at, tzinfo=UTC), values={m: Decimal(str(v)) for m, v in {**values, **said}.items()},
    )  # fmt: skip


def limit(metric: str, value: float, side: Side = "at_or_above", severity: Severity = "medium") -> Limit:
    vital = {"glucose_mgdl": "glucose", "weight_kg": "weight"}.get(metric, "blood_pressure")
    return Limit(
        rule_id=RULE, rule_version_id=VERSION, vital=vital, metric=metric, side=side, severity=severity,
        value=Decimal(str(value)),
    )  # fmt: skip


RULE, VERSION = uuid.UUID(int=1 << 64), uuid.UUID(int=2 << 64)
GOAL = (limit("systolic_mmhg", 130, severity="low"), limit("diastolic_mmhg", 80, severity="low"))
HIGH = (limit("systolic_mmhg", 160), limit("diastolic_mmhg", 100))
GLUCOSE = (limit("glucose_mgdl", 180, "above"),)


def rule(parameters: Parameters, levels: tuple[Limit, ...] = (), vital: str = "blood_pressure") -> SeriesRule:
    return SeriesRule(rule_id=RULE, rule_version_id=VERSION, vital=vital, parameters=parameters, levels=levels)


def said(facts: Sequence[Fact]) -> list[tuple[int, float | None, str]]:
    """(day, value, severity)"""
    return [((f.day - MONDAY).days, None if f.value is None else float(f.value), f.severity) for f in facts]


def week(systolic: float, diastolic: float = 70, first: int = 0, days: int = 7, a_day: int = 4) -> list[Point]:
    return [
        point(first + d, time(8 + n), bp=(systolic, diastolic)) for d in range(days) for n in range(a_day)
    ]  # fmt: skip


# The mean of a week ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ORACLE.exists(), reason="the fixture is not in this checkout")
def test_the_mean_of_the_published_week_is_the_published_mean() -> None:
    """HL7 CardX self-measured blood pressure example: 28 readings, 134.321/86.75."""
    points = []
    for one in json.loads(ORACLE.read_text())["readings"]:
        at = datetime.fromisoformat(one["effective"])
        values = {"systolic_mmhg": Decimal(str(one["systolic"])), "diastolic_mmhg": Decimal(str(one["diastolic"]))}
        points.append(
            msgspec.structs.replace(point(0), values=values, measured_at=at.astimezone(UTC), local_date=at.date())
        )
    mean = averages.mean(points, date(2023, 3, 1), date(2023, 3, 7), Average(), ("systolic_mmhg", "diastolic_mmhg"))
    assert isinstance(mean, Mean)
    assert (mean.count, mean.days) == (28, 7)
    assert round(mean.values["systolic_mmhg"], 3) == Decimal("134.321")
    assert round(mean.values["diastolic_mmhg"], 2) == Decimal("86.75")


@pytest.mark.parametrize(
    ("points", "needs", "enough"),
    [
        (week(140, days=3, a_day=4), Average(), True),
        (week(140, days=3, a_day=4)[1:], Average(), False),  # 11 readings
        (week(140, days=2, a_day=6), Average(), False),  # 12 on two days
        ([*week(140, days=2, a_day=6), *week(140, first=2, days=1, a_day=1)], Average(), True),
        (week(140, days=3, a_day=4), Average(discard_first_day=True), False),  # two days are left
        (week(140, days=4, a_day=4), Average(discard_first_day=True), True),
        (week(140, days=3, a_day=4), Average(at_least_readings=13), False),
        ([*week(140, days=3, a_day=4)[1:], point(6, glucose_mgdl=100, kind="glucose")], Average(), False),
        ([*week(140, days=3, a_day=4)[1:], point(2, bp=(220, 70), flags=("outlier",))], Average(), False),
        ([*week(140, days=3, a_day=4)[1:], point(2, bp=(144, 70), flags=("irregular_pulse",))], Average(), True),
        ([*week(140, days=3, a_day=4)[1:], point(7, bp=(140, 70))], Average(), False),  # the week after
        ([], Average(at_least_readings=0, at_least_days=0), False),
    ],
)
def test_a_mean_needs_three_days_and_twelve_readings(points: list[Point], needs: Average, enough: bool) -> None:
    mean = averages.mean(points, MONDAY, MONDAY + 6 * DAY, needs, ("systolic_mmhg", "diastolic_mmhg"))
    assert isinstance(mean, Mean) == enough
    if isinstance(mean, NotEnough):
        assert (mean.needs_readings, mean.needs_days) == (needs.at_least_readings, needs.at_least_days)
    assert bool(judge(rule(needs, GOAL), points, LATEST)) == enough


@pytest.mark.parametrize(
    ("systolic", "diastolic", "found"),
    [
        (129.9, 79.9, []),
        (130, 79.9, [(6, 130, "low")]),
        (120, 80, [(6, 80, "low")]),
        (144, 90, [(6, 144, "low")]),  # of two equally severe the metric's name decides
    ],
)
def test_a_week_crosses_by_its_mean(systolic: float, diastolic: float, found: list[Any]) -> None:
    facts = judge(rule(Average(), GOAL), week(systolic, diastolic), LATEST)
    assert said(facts) == found
    assert [len(f.evidence) for f in facts] == [28] * len(found)
    assert [f.anchor for f in facts] == ["average:2026-11-08"] * len(found)


def test_the_day_that_is_left_out_is_not_in_the_mean() -> None:
    points = [*week(190, days=1), *week(120, first=1, days=6)]
    assert said(judge(rule(Average(), GOAL), points, LATEST)) == [(6, 130, "low")]
    assert judge(rule(Average(discard_first_day=True), GOAL), points, LATEST) == []


def test_a_week_is_judged_when_it_is_over() -> None:
    assert judge(rule(Average(), GOAL), week(150), MONDAY + 5 * DAY) == []
    assert len(judge(rule(Average(), GOAL), week(150), MONDAY + 6 * DAY)) == 1


@pytest.mark.parametrize(
    ("every", "weeks", "told"),
    [
        (1, range(6), [0, 1, 2, 3, 4, 5]),
        (4, range(12), [0, 4, 8]),
        (4, (1, 2, 3, 5), [1, 5]),
        (4, (3, 4), [3, 4]),  # two blocks
        (4, (2,), [2]),
        (2, (1, 2, 3, 5), [1, 2, 5]),
    ],
)
def test_of_four_weeks_one_is_told(every: int, weeks: Sequence[int], told: list[int]) -> None:
    points = [p for w in weeks for p in week(150, first=7 * w)]
    points += [p for w in range(12) if w not in weeks for p in week(110, first=7 * w)]
    facts = judge(rule(Average(every_weeks=every), GOAL), points, LATEST)
    assert [(f.day - MONDAY).days // 7 for f in facts] == told


# A count -----------------------------------------------------------------------------------------------------------


def sugars(*days_and_values: tuple[int, float | None]) -> list[Point]:
    return [
        point(day, time(8, n % 60), kind="glucose", **({"glucose_mgdl": v} if v is not None else {"beyond": "above"}))
        for n, (day, v) in enumerate(days_and_values)
    ]


@pytest.mark.parametrize(
    ("points", "found"),
    [
        (sugars((0, 181), (1, 181), (2, 181)), [(2, 181, "medium")]),
        (sugars((0, 181), (1, 180), (2, 181)), []),  # above, not at
        (sugars((0, 181), (1, 181)), []),
        (sugars((0, 181), (3, 250), (6, 190)), [(6, 250, "medium")]),  # seven local days
        (sugars((0, 181), (3, 250), (7, 190)), []),  # eight
        (sugars((0, 181), (0, 182), (0, 183)), [(0, 183, "medium")]),
        (sugars((0, 181), (1, None), (2, 190)), [(2, 190, "medium")]),  # HI crosses whatever the level
        (sugars((0, None), (1, None), (2, None)), [(2, None, "medium")]),
        (sugars(*[(d, 200) for d in range(7)]), [(2, 200, "medium"), (5, 200, "medium")]),  # begins anew
        (sugars((26, 200), (27, 200), (28, 200)), [(28, 200, "medium")]),  # over the edge of a block
    ],
)
def test_so_many_readings_within_so_many_days(points: list[Point], found: list[Any]) -> None:
    assert said(judge(rule(Count(at_least=3, days=7), GLUCOSE, "glucose"), points, LATEST)) == found


def test_what_is_worse_counts_among_what_is_less() -> None:
    levels = (limit("glucose_mgdl", 180, "above", "low"), limit("glucose_mgdl", 250, "above", "medium"))
    counts = rule(Count(at_least=3, days=7), levels, "glucose")
    assert said(judge(counts, sugars((0, 200), (1, 300), (2, 200)), LATEST)) == [(2, 300, "low")]
    assert said(judge(counts, sugars((0, 200), (1, 200), (2, 300)), LATEST)) == [(2, 300, "low")]
    assert said(judge(counts, sugars((0, 300), (1, 300), (2, 300)), LATEST)) == [(2, 300, "medium")]


def test_a_count_of_pressures_counts_readings_not_numbers() -> None:
    points = [point(0, bp=(165, 105)), point(1, bp=(150, 101)), point(2, bp=(161, 80))]
    facts = judge(rule(Count(at_least=3, days=7), HIGH), points, LATEST)
    assert [(f.metric, f.value, len(f.evidence)) for f in facts] == [("systolic_mmhg", Decimal(165), 3)]


# Days in a row -----------------------------------------------------------------------------------------------------


def days(*means: tuple[int, float]) -> list[Point]:
    """Two readings a day around each mean."""
    return [point(d, time(8 + 10 * n), bp=(mean - 5 + 10 * n, 70)) for d, mean in means for n in (0, 1)]


@pytest.mark.parametrize(
    ("points", "found"),
    [
        (days((0, 160), (1, 160), (2, 160)), [(2, 160, "medium")]),
        (days((0, 160), (1, 159.9), (2, 160)), []),
        (days((0, 160), (1, 160)), []),
        (days((0, 160), (3, 160), (5, 161)), [(5, 161, "medium")]),  # measured days
        (days((0, 160), (7, 160), (14, 160)), [(14, 160, "medium")]),
        (days((0, 160), (8, 160), (15, 160)), []),  # too far apart to be a run
        (days(*[(d, 170) for d in range(8)]), [(2, 170, "medium"), (5, 170, "medium")]),  # each further three
        (days(*[(d, 170) for d in range(3)], (3, 120), *[(d, 170) for d in range(4, 7)]), [(2, 170, "medium"), (6, 170, "medium")]),
        (days((26, 170), (27, 170), (28, 170)), [(28, 170, "medium")]),  # over the edge of a block
        (days((25, 170), (26, 170), (27, 170), (28, 170)), [(27, 170, "medium"), (28, 170, "medium")]),  # told once more
        ([*days((0, 170), (1, 170), (2, 170)), point(1, bp=(80, 50), flags=("outlier",))], [(2, 170, "medium")]),
        ([*days((0, 170), (1, 170), (2, 170)), point(1, time(23), bp=(130, 50))], []),  # the mean of the day
    ],
)  # fmt: skip
def test_so_many_measured_days_in_a_row(points: list[Point], found: list[Any]) -> None:
    assert said(judge(rule(Sustained(days=3), HIGH), points, LATEST)) == found


def test_a_run_names_its_last_day_and_rests_on_all_its_readings() -> None:
    [fact] = judge(rule(Sustained(days=3), HIGH), days((0, 170), (1, 170), (2, 170)), LATEST)
    assert (fact.anchor, len(fact.evidence)) == ("sustained:2026-11-04", 6)


def test_a_run_is_as_severe_as_all_of_its_days() -> None:
    run = rule(Sustained(days=2), (*HIGH, limit("systolic_mmhg", 140, severity="low")))
    assert said(judge(run, days((0, 150), (1, 170)), LATEST)) == [(1, 170, "low")]
    assert said(judge(run, days((0, 170), (1, 170)), LATEST)) == [(1, 170, "medium")]


def test_a_low_mean_is_judged_from_below() -> None:
    levels = (limit("systolic_mmhg", 90, "below"),)
    assert said(judge(rule(Sustained(days=2), levels), days((0, 90), (1, 89)), LATEST)) == []
    assert said(judge(rule(Sustained(days=2), levels), days((0, 89.9), (1, 89)), LATEST)) == [(1, 89, "medium")]


# Weight ------------------------------------------------------------------------------------------------------------


def weighed(day: int, kg: float, device: str | None = "scale", **more: Any) -> Point:
    return point(day, more.pop("at", time(7)), kind="weight", weight_kg=kg, device=device, **more)


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([weighed(0, 80), weighed(1, 81.36)], [(1, 1.36, "medium")]),
        ([weighed(0, 80), weighed(1, 81.35)], []),
        ([weighed(0, 80), weighed(2, 81.36)], []),  # two days are no day
        ([weighed(0, 80), weighed(7, 82.27)], [(7, 2.27, "medium")]),
        ([weighed(0, 80), weighed(7, 82.26)], []),
        ([weighed(0, 80), weighed(8, 82.27)], []),
        ([weighed(0, 80), weighed(0, 81.4, at=time(20))], [(0, 1.4, "medium")]),  # the same day
        ([weighed(0, 80), weighed(1, 83)], [(1, 3, "medium")]),
        ([weighed(0, 81), weighed(1, 80), weighed(2, 81.36)], [(2, 1.36, "medium")]),  # the lowest of them
        ([weighed(0, 80), weighed(1, 82, "new scale")], []),  # begins anew
        ([weighed(0, 80), weighed(0, 82, "new scale"), weighed(1, 83.36, "new scale")], [(1, 1.36, "medium")]),
        ([weighed(0, 80), weighed(1, 82, "new scale"), weighed(1, 81.36, at=time(9))], [(1, 1.36, "medium")]),
        ([weighed(0, 80, None), weighed(1, 90, None)], []),  # of no device
        ([weighed(0, 80), weighed(1, 120, flags=("outlier",))], []),  # somebody else stood on it
        ([weighed(0, 40, flags=("outlier",)), weighed(1, 80)], []),
        ([weighed(0, 80), weighed(1, 82), weighed(1, 80.5, at=time(9))], [(1, 2, "medium")]),  # nothing is taken back
        ([weighed(0, 80), weighed(1, 78)], []),
    ],
)
def test_a_gain_on_the_same_scale(points: list[Point], found: list[Any]) -> None:
    assert said(judge(rule(GAIN, (), "weight"), points, LATEST)) == found


@pytest.mark.parametrize(("days_later", "tenths"), [(1, 30), (7, 50)], ids=["3 lb in a day", "5 lb in a week"])
def test_pounds_cross_whatever_the_start_and_a_tenth_less_does_not(days_later: int, tenths: int) -> None:
    """Pounds become kilograms with two decimals, so five pounds are 2.26 or 2.27 kg and a tenth less is never 2.26."""
    trend = Trend(spans=(Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.26"))))
    wrong = 0
    for start in range(800, 4000, 7):
        for gained, crosses in ((tenths, True), (tenths - 1, False)):
            kilos = [canonical("weight", Decimal(lb) / 10, "[lb_av]") for lb in (start, start + gained)]
            points = [weighed(0, float(kilos[0] or 0)), weighed(days_later, float(kilos[1] or 0))]
            wrong += bool(judge(rule(trend, (), "weight"), points, LATEST)) != crosses
    assert wrong == 0


def test_a_gain_rests_on_the_lowest_and_on_itself() -> None:
    low, high = weighed(0, 80), weighed(1, 82)
    [fact] = judge(rule(GAIN, (), "weight"), [low, high], LATEST)
    assert fact.anchor == str(high.id)
    assert fact.evidence == ((low.id, low.measured_at), (high.id, high.measured_at))
    assert fact.limit_value == Decimal("1.36")  # of the two spans the one that is exceeded more


# Flags -------------------------------------------------------------------------------------------------------------


def test_a_flag_is_told_once_a_day() -> None:
    flagged = rule(Flagged(flag="irregular_pulse"))
    points = [point(0, bp=(120, 70), flags=("irregular_pulse",)), point(0, time(9), bp=(120, 70))]
    points += [point(0, time(20), bp=(121, 70), flags=("movement", "irregular_pulse")), point(1, bp=(120, 70))]
    assert said(judge(flagged, points, LATEST)) == [(0, 2, "medium")]
    assert judge(flagged, points, LATEST)[0].anchor == "flag:irregular_pulse:2026-11-02"


# Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "whole"),
    [
        ("America/New_York", "2026-11-10T12:59:59+00:00", "2026-11-08"),  # 7:59 in the morning
        ("America/New_York", "2026-11-10T13:00:00+00:00", "2026-11-09"),
        ("America/New_York", "2026-03-09T11:59:59+00:00", "2026-03-07"),  # the day after the clocks went forward
        ("America/New_York", "2026-03-09T12:00:00+00:00", "2026-03-08"),
        ("America/New_York", "2026-11-01T12:59:59+00:00", "2026-10-30"),  # the day the clocks went back
        ("America/New_York", "2026-11-01T13:00:00+00:00", "2026-10-31"),
        ("Pacific/Kiritimati", "2026-11-09T18:00:00+00:00", "2026-11-09"),
    ],
)
def test_a_day_is_over_at_eight_the_next_morning(zone: str, now: str, whole: str) -> None:
    at = datetime.fromisoformat(now)
    assert windows.last_day(Sustained(days=3), at, ZoneInfo(zone)).isoformat() == whole
    assert windows.last_day(Count(at_least=1, days=1), at, ZoneInfo(zone)) == at.astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize("night", [date(2026, 3, 8), date(2026, 11, 1)], ids=["23 hours", "25 hours"])
def test_a_night_of_another_length_is_still_one_day(night: date) -> None:
    """Days are local dates: what was measured late on Saturday and early on Monday is two days apart, not one."""
    zone = ZoneInfo("America/New_York")

    def at(day: date, hour: int, kg: float) -> Point:
        moment = datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
        return msgspec.structs.replace(weighed(0, kg), local_date=day, measured_at=moment)

    assert len(judge(rule(GAIN, (), "weight"), [at(night - DAY, 0, 80), at(night, 23, 81.36)], LATEST)) == 1
    assert judge(rule(GAIN, (), "weight"), [at(night - DAY, 23, 80), at(night + DAY, 0, 81.36)], LATEST) == []


# Any series --------------------------------------------------------------------------------------------------------

RULES = (
    rule(Average(at_least_days=2, at_least_readings=3, every_weeks=2), GOAL),
    rule(Average(at_least_days=2, at_least_readings=3, every_weeks=1, discard_first_day=True), GOAL),
    rule(Count(at_least=3, days=4), (*HIGH, limit("systolic_mmhg", 140, severity="low"))),
    rule(Sustained(days=2), (*HIGH, limit("systolic_mmhg", 100, "below"))),
    rule(GAIN, (), "weight"),
    rule(Flagged(flag="irregular_pulse")),
)


def scattered(chance: random.Random, length: int) -> list[Point]:
    found = []
    for _ in range(length):
        day, at = chance.randrange(70), time(chance.randrange(24), chance.randrange(60))
        if chance.random() < 0.3:
            found.append(weighed(day, 78 + chance.randrange(8) / 2, chance.choice(("a", "b")), at=at))
        else:
            flags = tuple(f for f in ("irregular_pulse", "outlier") if chance.random() < 0.1)
            found.append(point(day, at, bp=(chance.randrange(90, 190, 5), chance.randrange(60, 110, 5)), flags=flags))
    return found


@seed(SEED)
@settings(max_examples=120, deadline=None, database=None)
@given(st.integers(0, 2**32), st.integers(0, 120))
def test_order_and_repetition_change_nothing(number: int, length: int) -> None:
    chance = random.Random(number)
    points = scattered(chance, length)
    again = [*points, *chance.sample(points, len(points) // 2)]
    chance.shuffle(again)
    for one in RULES:
        assert judge(one, again, LATEST) == judge(one, points, LATEST)


@seed(SEED)
@settings(max_examples=120, deadline=None, database=None)
@given(st.integers(0, 2**32), st.integers(0, 160))
def test_how_far_back_somebody_looks_changes_nothing(number: int, length: int) -> None:
    """From a block on, with what its first facts may look back to, the facts are those of the whole series."""
    points = scattered(random.Random(number), length)
    for one, blocks in itertools.product(RULES, (1, 2)):
        begins = MONDAY + blocks * BLOCK * DAY
        near = [p for p in points if p.local_date >= begins - windows.reach(one.parameters) * DAY]
        assert [f for f in judge(one, near, LATEST) if f.day >= begins] == [
            f for f in judge(one, points, LATEST) if f.day >= begins
        ]


@seed(SEED)
@settings(max_examples=120, deadline=None, database=None)
@given(st.integers(0, 2**32), st.integers(0, 120))
def test_no_fact_without_a_crossing(number: int, length: int) -> None:
    points = {p.id: p for p in scattered(random.Random(number), length)}
    for one in RULES:
        for fact in judge(one, list(points.values()), LATEST):
            rests = [points[identity] for identity, _ in fact.evidence]
            assert fact.value is not None
            assert CROSSES[fact.side](fact.value, fact.limit_value)
            assert rests
            assert all(p.local_date <= fact.day for p in rests)
            if isinstance(one.parameters, Count):
                crossing = [p for p in rests if any(_crosses(p.values, x) for x in one.levels)]
                assert len(crossing) == len(rests) >= one.parameters.at_least
                assert (fact.day - min(p.local_date for p in rests)).days < one.parameters.days
            if isinstance(one.parameters, Sustained):
                assert len({p.local_date for p in rests}) == one.parameters.days


def _crosses(values: Any, level: Limit) -> bool:
    return level.metric in values and CROSSES[level.side](values[level.metric], level.value)


@seed(SEED)
@settings(max_examples=120, deadline=None, database=None)
@given(st.integers(0, 2**32), st.integers(0, 120))
def test_no_crossing_without_a_fact(number: int, length: int) -> None:
    """Worked out once more, plainly: wherever the condition holds, a fact of the time before speaks for it."""
    points = scattered(random.Random(number), length)
    count, sustained, flag = RULES[2], RULES[3], RULES[5]
    told = [f.day for f in judge(count, points, LATEST)]
    crossing = sorted(
        p.local_date for p in points if any(_crosses(p.values, x) for x in count.levels if x.side in UPPER)
    )
    for first, third in zip(crossing, crossing[2:], strict=False):
        if (third - first).days < 4:
            assert any(third - 3 * DAY <= day <= third for day in told), (first, third)
    of_day: dict[date, list[Point]] = {}
    for p in points:
        if "systolic_mmhg" in p.values and "outlier" not in p.flags:
            of_day.setdefault(p.local_date, []).append(p)
    measured = sorted(of_day)
    high = [sum(p.values["systolic_mmhg"] for p in of_day[d]) >= 160 * len(of_day[d]) for d in measured]
    told = [f.day for f in judge(sustained, points, LATEST)]
    for place, (one, other) in enumerate(itertools.pairwise(measured)):
        if high[place] and high[place + 1] and (other - one).days <= 7:
            assert one in told or other in told, (one, other)
    flagged = {p.local_date for p in points if "irregular_pulse" in p.flags}
    assert {f.day for f in judge(flag, points, LATEST)} == flagged


def test_the_seeds_are_told() -> None:
    print(f"series rules: seed {SEED}, 4 properties × 120 series, 0 wrong")
    assert EPOCH.weekday() == 0
    assert windows.block(MONDAY) == MONDAY
