"""Who measures: an invented patient's usual blood pressure, how it varies, and how they go about measuring."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from server.ops.cohort.chance import Chance, strata

Habit = Literal["mornings", "both", "seldom"]

# The usual home blood pressure of people who are treated for hypertension and watched from afar, as invented here:
# mean and spread between people, in mmHg. Chosen once so that the naive limits of `trial.NAIVE` alert for about as
# many readings as was published; nothing here knows of Careloop's own rules.
SYSTOLIC, SYSTOLIC_SD = 131.0, 9.5
DIASTOLIC, DIASTOLIC_SD = 79.0, 7.0
TOGETHER = 0.5  # how much of a person's diastolic goes with their systolic

# How often a session is kept: (share of people, in the morning, in the evening).
HABITS: dict[Habit, tuple[float, float, float]] = {
    "mornings": (0.45, 0.62, 0.08),
    "both": (0.30, 0.66, 0.52),
    "seldom": (0.25, 0.22, 0.08),
}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Levels and spreads in mmHg; shares are of sessions or readings.

    `first_higher`: how much the first reading of a session lies above the next. `flaky`: the hub at home loses its
    network for days, and what it kept comes late.
    """

    place: int
    systolic: float
    diastolic: float
    day_sd: float
    reading_sd: float
    evening_lower: float
    first_higher: float
    twice: float
    clumsy: float
    habit: Habit
    keen: float
    flaky: bool


def everybody(count: int, seed: int) -> list[Person]:
    """So many people; the same seed gives the same ones."""
    chance = Chance(seed, "people")
    systolic, own = strata(count, chance), strata(count, chance)
    habits = chance.mixed(_habits(count))
    return [_person(seed, place, systolic[place], own[place], habits[place]) for place in range(count)]


def _habits(count: int) -> Sequence[Habit]:
    few = [habit for habit, (share, _, _) in HABITS.items() for _ in range(round(share * count))]
    return (few + ["mornings"] * count)[:count]


def _person(seed: int, place: int, systolic: float, own: float, habit: Habit) -> Person:
    chance = Chance(seed, "person", place)
    diastolic = TOGETHER * systolic + (1 - TOGETHER**2) ** 0.5 * own
    return Person(
        place=place,
        systolic=SYSTOLIC + SYSTOLIC_SD * systolic,
        diastolic=DIASTOLIC + DIASTOLIC_SD * diastolic,
        day_sd=chance.between(4.5, 9.5),
        reading_sd=chance.between(2.5, 5.0),
        evening_lower=chance.between(-3, 7),
        first_higher=chance.between(5, 13) if chance.happens(0.35) else chance.between(0, 3),
        twice=chance.between(0.5, 0.95) if chance.happens(0.2) else chance.between(0, 0.1),
        clumsy=chance.between(0.02, 0.05) if chance.happens(0.15) else chance.between(0.001, 0.012),
        habit=habit,
        keen=chance.between(0.55, 1.2),
        flaky=chance.happens(0.08),
    )
