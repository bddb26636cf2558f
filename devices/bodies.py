"""An invented body: what its devices would show at a moment. Seeded, for demos and tests; nobody is measured.

Blood pressure follows the clock (lowest before dawn, highest late in the day), is higher on excited mornings, and
drifts over weeks; glucose follows meals, weight drifts, oxygen sits near the body's own level.
"""

import math
import random
from datetime import datetime
from typing import Any, Literal

import msgspec

Kind = Literal["blood_pressure", "glucose", "weight", "spo2", "pulse", "temperature"]
Shown = dict[str, Any]


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Levels of today in canonical units; the slopes are per day. `calm` readings stay inside the usual limits."""

    systolic: float = 128
    diastolic: float = 78
    pulse: float = 70
    glucose: float = 118
    weight: float = 82
    spo2: float = 97
    temperature: float = 36.6
    systolic_slope: float = 0.0
    weight_slope: float = 0.0
    excited_mornings: float = 0.0
    spo2_lowest: float = 95
    dry_weight: float | None = None


def calm(body: Body, kind: Kind, local: datetime, days_from_today: int, chance: random.Random) -> Shown:
    """The native fields of an ordinary reading at a local time, without time and number."""
    if kind == "blood_pressure":
        return _pressure(body, local, days_from_today, chance)
    if kind == "glucose":
        return _glucose(body, local, chance)
    if kind == "weight":
        return _weight(body, days_from_today, chance)
    if kind == "spo2":
        level = chance.gauss(body.spo2, 0.9)
        return {"spo2": round(_between(level, body.spo2_lowest, 99)), "pulse": _pulse(body, local, chance)}
    if kind == "pulse":
        return {"pulse": _pulse(body, local, chance)}
    return {"temperature": round(_between(chance.gauss(body.temperature, 0.2), 35.9, 37.4), 1)}


def _pressure(body: Body, local: datetime, day: int, chance: random.Random) -> Shown:
    excited = local.hour < 10 and local.weekday() < 5 and chance.random() < 0.6
    rise = daily(local) * 7 + (body.excited_mornings if excited else 0) + body.systolic_slope * day
    systolic = _between(body.systolic + rise + chance.gauss(0, 5), 96, 172)
    diastolic = _between(body.diastolic + rise * 0.45 + chance.gauss(0, 3.5), 52, min(112, systolic - 18))
    return {"systolic": round(systolic), "diastolic": round(diastolic), "pulse": _pulse(body, local, chance)}


def daily(local: datetime) -> float:
    """From -1 (about 4 in the morning) to 1 (about 4 in the afternoon)."""
    return -math.cos((local.hour + local.minute / 60 - 4) / 24 * 2 * math.pi)


def _pulse(body: Body, local: datetime, chance: random.Random) -> int:
    return round(_between(body.pulse + daily(local) * 4 + chance.gauss(0, 4), 54, 108))


def _glucose(body: Body, local: datetime, chance: random.Random) -> Shown:
    if local.hour < 9:
        context, rise = "fasting", 0.0
    elif local.hour >= 21:
        context, rise = "bedtime", 12.0
    else:
        after = chance.random() < 0.6
        context, rise = ("after_meal", 48.0) if after else ("before_meal", 6.0)
    level = body.glucose + rise + chance.gauss(0, 14)
    return {"glucose": round(_between(level, 76, 242)), "context": context}


def _weight(body: Body, day: int, chance: random.Random) -> Shown:
    highest = body.dry_weight - 0.2 if body.dry_weight else 400
    return {"weight": round(min(body.weight + body.weight_slope * day + chance.gauss(0, 0.25), highest), 1)}


def crossing(body: Body, kind: Kind, chance: random.Random) -> Shown:
    """The native fields of a reading that crosses the default limits, or the body's own."""
    if kind == "blood_pressure":
        systolic = chance.randint(181, 199)
        return {"systolic": systolic, "diastolic": round(systolic * 0.56), "pulse": chance.randint(78, 98)}
    if kind == "glucose":
        low = chance.random() < 0.5
        return {"glucose": chance.randint(58, 68) if low else chance.randint(258, 330)}
    if kind == "weight" and body.dry_weight:
        return {"weight": round(body.dry_weight + chance.uniform(0.8, 2.1), 1)}
    if kind == "spo2":
        return {"spo2": round(body.spo2_lowest) - chance.randint(2, 4), "pulse": chance.randint(88, 112)}
    if kind == "pulse":
        return {"pulse": chance.randint(124, 138)}
    if kind == "temperature":
        return {"temperature": round(chance.uniform(38.1, 38.8), 1)}
    raise ValueError("this body has no limit of that kind")


def _between(value: float, lowest: float, highest: float) -> float:
    return min(max(value, lowest), highest)
