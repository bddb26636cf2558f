"""What a patient's newest number means against the target: a level and its reasons, never a diagnosis.

Pure: the words in English and Spanish belong to the portal. Bands and limits come from `targets.toml`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring.series import METRICS, Reading, Vital
from server.monitoring.targets import Direction, Goal, Limit, Severity, Targets

Level = Literal["very_low", "low", "slightly_low", "good", "slightly_high", "high", "very_high", "unjudged"]
Category = Literal["normal", "elevated", "stage_1", "stage_2", "severe"]
Age = Literal["just_now", "minutes", "hours", "yesterday", "days"]

VITAL_OF_PROGRAMME: dict[str, Vital] = {
    "hypertension": "blood_pressure",
    "diabetes": "glucose",
    "heart_failure": "weight",
    "copd": "spo2",
}
WORST: tuple[tuple[tuple[Severity, Direction], Level], ...] = (
    (("high", "up"), "very_high"),
    (("high", "down"), "very_low"),
    (("medium", "up"), "high"),
    (("medium", "down"), "low"),
)
AROUND: dict[Direction | None, Level] = {"up": "slightly_high", "down": "slightly_low", None: "good"}
FRESH = timedelta(hours=1)  # "take sugar now" is right for a number of now, wrong for one of this morning


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One vital now: the reading, how it stands to the goal, and what the words need."""

    vital: Vital
    reading: Reading
    level: Level
    goal: Goal | None
    fresh: bool
    category: Category | None = None
    change_kg: float | None = None
    reasons: tuple[str, ...] = ()


def say(vital: Vital, readings: Sequence[Reading], targets: Targets, now: datetime) -> Said | None:
    """The newest reading of a vital, judged; None when there is none. Any order of readings will do."""
    telling = sorted((r for r in readings if r.tells(vital)), key=lambda r: (r.measured_at, r.id.int))
    if not telling:
        return None
    newest = telling[-1]
    fresh = now - newest.measured_at <= FRESH
    if vital == "weight":
        return _say_weight(newest, telling[:-1], targets, fresh=fresh)
    goal = goal_for(vital, newest, targets)
    level = judge(vital, newest, targets)
    return Said(
        vital=vital,
        reading=newest,
        level=level,
        goal=goal,
        fresh=fresh,
        category=_category_of(vital, newest),
        # A limit may be crossed on the good side of the goal: 85/60 is under 130/80, and low all the same.
        reasons=("within_goal",) if level != "good" and goal and not _outside(goal, vital, newest) else (),
    )


def goal_for(vital: Vital, reading: Reading | None, targets: Targets) -> Goal | None:
    """The goal that applies; glucose before a meal has its own."""
    if vital == "glucose" and reading and reading.context in {"fasting", "before_meal"}:
        return targets.goal["glucose_before_meal"]
    return targets.goal.get(vital)


def category(systolic: float, diastolic: float) -> Category:
    """2025 AHA/ACC; the higher one wins. Severe is above 180 or above 120."""
    if systolic > 180 or diastolic > 120:
        return "severe"
    if systolic >= 140 or diastolic >= 90:
        return "stage_2"
    if systolic >= 130 or diastolic >= 80:
        return "stage_1"
    return "elevated" if systolic >= 120 else "normal"


def _category_of(vital: Vital, reading: Reading) -> Category | None:
    values = reading.values("blood_pressure") if vital == "blood_pressure" else None
    return category(*values) if values else None


def judge(vital: Vital, reading: Reading, targets: Targets) -> Level:
    """How one reading that tells of a vital stands; a weight alone cannot be judged."""
    if vital == "weight":
        return "unjudged"
    if reading.out_of_range and reading.kind == vital:
        return "very_high" if reading.out_of_range == "above" else "very_low"
    if worst := _worst(_numbers(vital, reading), targets.limit):
        return worst
    goal = goal_for(vital, reading, targets)
    outside = _outside(goal, vital, reading) if goal else None
    return AROUND[outside]


def _numbers(vital: Vital, reading: Reading) -> dict[str, float]:
    values = reading.values(vital)
    return dict(zip(METRICS[vital], values, strict=True)) if values else {}


def _worst(numbers: dict[str, float], limits: Sequence[Limit]) -> Level | None:
    """The worst limit crossed: the severe before the medium, a high before a low (190/50 is about the 190)."""
    crossed = {(x.severity, x.direction) for x in limits if x.metric in numbers and x.crossed_by(numbers[x.metric])}
    return next((level for step, level in WORST if step in crossed), None)


def _outside(goal: Goal, vital: Vital, reading: Reading) -> Direction | None:
    """On which side of the goal the numbers are, if not at it."""
    ceilings = {"systolic_mmhg": goal.below_systolic_mmhg, "diastolic_mmhg": goal.below_diastolic_mmhg}
    for metric, value in _numbers(vital, reading).items():
        below = ceilings.get(metric, goal.below)
        if (below is not None and value >= below) or (goal.high is not None and value > goal.high):
            return "up"
        if goal.low is not None and value < goal.low:
            return "down"
    return None


def _say_weight(newest: Reading, earlier: Sequence[Reading], targets: Targets, *, fresh: bool) -> Said:
    """Weight is judged by how fast it grows on one and the same scale, or by an own limit (dry weight)."""
    # Another scale is another baseline: a difference between two scales is not a gain.
    same = [r for r in earlier if r.device_id == newest.device_id]
    reasons = _gains(newest, same, targets) if "heart_failure" in targets.programmes else ()
    if any(x.metric == "weight_kg" and x.crossed_by(newest.weight_kg or 0) for x in targets.limit):
        reasons = (*reasons, "own_limit")
    steady: Level = "good" if "heart_failure" in targets.programmes and same else "unjudged"
    return Said(
        vital="weight",
        reading=newest,
        level="high" if reasons else steady,
        goal=None,
        fresh=fresh,
        change_kg=_gain(newest, same[-1:]),
        reasons=reasons,
    )


def _gains(newest: Reading, same: Sequence[Reading], targets: Targets) -> tuple[str, ...]:
    day = _gain(newest, [r for r in same if (newest.local_date - r.local_date).days <= 1])
    week = _gain(newest, [r for r in same if (newest.local_date - r.local_date).days <= 7])
    reasons = []
    if day is not None and day >= targets.weight.gain_day_kg:
        reasons.append("gain_day")
    if week is not None and week >= targets.weight.gain_week_kg:
        reasons.append("gain_week")
    return tuple(reasons)


def _gain(newest: Reading, earlier: Sequence[Reading]) -> float | None:
    """Kilograms over the lightest of the earlier ones; rounded, for 84.36 - 83 is not 1.36 in binary."""
    weights = [r.weight_kg for r in earlier if r.weight_kg is not None]
    if not weights or newest.weight_kg is None:
        return None
    return round(newest.weight_kg - min(weights), 2)


class Ago(msgspec.Struct, frozen=True, kw_only=True):
    """How long ago, as a person says it: `count` minutes, hours or days."""

    age: Age
    count: int = 0


def ago(then: datetime, now: datetime, zone: ZoneInfo) -> Ago:
    """Yesterday is the patient's yesterday; under six hours is told in hours even over midnight."""
    passed = now - then
    days = (now.astimezone(zone).date() - then.astimezone(zone).date()).days
    if passed < timedelta(minutes=2):
        return Ago(age="just_now")
    if passed < timedelta(hours=1):
        return Ago(age="minutes", count=passed // timedelta(minutes=1))
    if days <= 0 or passed < timedelta(hours=6):
        return Ago(age="hours", count=passed // timedelta(hours=1))
    return Ago(age="yesterday") if days == 1 else Ago(age="days", count=days)
