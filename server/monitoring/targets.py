"""What a patient's numbers are held against when we speak to the patient: defaults and own limits."""

import functools
import tomllib
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from server.db.pool import Db

FILE = Path(__file__).with_name("targets.toml")

Side = Literal["at_or_above", "above", "at_or_below", "below"]
Severity = Literal["low", "medium", "high"]
Direction = Literal["up", "down"]

OWN_LIMITS = """
    SELECT metric, side, severity, value::float8 AS value
      FROM patient_limit WHERE patient_id = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)
"""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One level of one metric, in canonical units."""

    metric: str
    side: Side
    severity: Severity
    value: float
    source: str = "own"

    @property
    def direction(self) -> Direction:
        return "up" if self.side in {"at_or_above", "above"} else "down"

    def crossed_by(self, value: float) -> bool:
        match self.side:
            case "at_or_above":
                return value >= self.value
            case "above":
                return value > self.value
            case "at_or_below":
                return value <= self.value
            case "below":
                return value < self.value


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Where a number should be: `low` and `high` still count as good, `below` does not."""

    low: float | None = None
    high: float | None = None
    below: float | None = None
    below_systolic_mmhg: float | None = None
    below_diastolic_mmhg: float | None = None
    source: str = "own"


class WeightGain(msgspec.Struct, frozen=True, kw_only=True):
    """How much weight gained, and how fast, the clinic wants to hear of (heart failure)."""

    gain_day_kg: float
    gain_week_kg: float
    source: str


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Everything today's words and colours depend on, apart from the readings."""

    version: int
    dated: str
    approved_by: str
    rest_minutes: int
    ask_after_days: int
    average_needs_readings: int
    average_needs_days: int
    goal: dict[str, Goal]
    weight: WeightGain
    limit: list[Limit]
    programmes: tuple[str, ...] = ()


@functools.cache
def defaults() -> Targets:
    """The shipped defaults (`targets.toml`), read when first needed."""
    return msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), Targets)


async def of(db: Db, patient: uuid.UUID, programmes: Iterable[str], now: datetime) -> Targets:
    """The defaults, refined by this patient's own limits and programmes (by code)."""
    own = [msgspec.convert(dict(row), Limit) for row in await db.fetch(OWN_LIMITS, patient, now)]
    return msgspec.structs.replace(refine(defaults(), own), programmes=tuple(programmes))


def refine(targets: Targets, own: Iterable[Limit]) -> Targets:
    """Own limits replace medium and low levels; they add to the severe ones and never remove one.

    Oxygen is the exception: a personal target (chronic lung disease often 88-92 %) replaces all of it.
    """
    own = list(own)
    if oxygen := _oxygen_target(own):
        targets = _with_oxygen(targets, oxygen)
        own = [limit for limit in own if limit.metric != "spo2_pct" or limit.direction == "up"]
    replaced = {(x.metric, x.direction, x.severity) for x in own if x.severity != "high"}
    kept = [x for x in targets.limit if (x.metric, x.direction, x.severity) not in replaced]
    return msgspec.structs.replace(targets, limit=kept + own)


def _oxygen_target(own: list[Limit]) -> Limit | None:
    mine = [x for x in own if x.metric == "spo2_pct" and x.direction == "down" and x.severity == "high"]
    return max(mine, key=lambda x: x.value) if mine else None


def _with_oxygen(targets: Targets, lower_end: Limit) -> Targets:
    low = lower_end.value if lower_end.side == "below" else lower_end.value + 1
    others = [x for x in targets.limit if x.metric != "spo2_pct"]
    return msgspec.structs.replace(targets, goal={**targets.goal, "spo2": Goal(low=low)}, limit=[*others, lower_end])
