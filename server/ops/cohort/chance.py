"""Chance that is the same on every machine: sums and products of `random()` only, no library's logarithm or sine."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
ROOT_TWO = 1.4142135623730951


class Chance:
    """Seeded by words, so that each patient's life is drawn apart from everybody else's."""

    def __init__(self, *words: object) -> None:
        self._random = random.Random(":".join(map(str, words)))  # noqa: S311 - invented people

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self._random.random() * (high - low + 1))

    def bell(self, sd: float = 1.0) -> float:
        """Near enough to a normal deviate, never beyond 4.2 sd: six uniform ones have variance 1/2."""
        draw = self._random.random
        return sd * ROOT_TWO * (draw() + draw() + draw() + draw() + draw() + draw() - 3)

    def mixed(self, things: Sequence[T]) -> list[T]:
        """The same things in another order."""
        return sorted(things, key=lambda _: self._random.random())


def strata(count: int, chance: Chance) -> list[float]:
    """One normal deviate for each of so many people, spread evenly over the bell, in mixed order.

    A real clinic is one draw; drawing each person freely would let the whole cohort drift with the seed.
    """
    drawn = sorted(chance.bell() for _ in range(count * 40))
    return chance.mixed([drawn[place * 40 + 20] for place in range(count)])
