"""How much of the time a patient had the medicine at hand: proportion of days covered, from what was dispensed.

PDC = days covered ÷ days from the first fill to the end of the period (after PQA and the CMS star measures). An early
refill of the same medicine carries forward, a day counts once whatever covers it, two fills are needed, and from 80 %
on a patient counts as adherent. Insulin takes a patient out of the diabetes measure, sacubitril/valsartan out of the
renin-angiotensin one.
"""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

import msgspec

ADHERENT = Fraction(4, 5)
FILLS_AT_LEAST = 2
DAY = timedelta(days=1)

AdherenceClass = Literal["renin_angiotensin", "statin", "diabetes", "insulin", "sacubitril_valsartan", "other"]
MEASURED: tuple[AdherenceClass, ...] = ("renin_angiotensin", "statin", "diabetes")
TAKES_OUT: dict[AdherenceClass, AdherenceClass] = {
    "diabetes": "insulin",
    "renin_angiotensin": "sacubitril_valsartan",
}


class Fill(msgspec.Struct, frozen=True):
    """So many days' supply of one medicine from that day on."""

    filled_on: date
    days_supply: int
    medicine: str = ""


class Pdc(msgspec.Struct, frozen=True, kw_only=True):
    """Days covered of `days` from the first fill on. `can_miss`: how many until the period's end may stay uncovered."""

    covered: int
    days: int
    fills: int
    can_miss: int
    runs_out_on: date

    @property
    def share(self) -> Fraction:
        return Fraction(self.covered, self.days)

    @property
    def adherent(self) -> bool:
        return self.share >= ADHERENT


class TooFew(msgspec.Struct, frozen=True, kw_only=True):
    """Not a number: fewer than two fills on different days."""

    fills: int


def pdc(fills: Sequence[Fill], period_end: date, today: date) -> Pdc | TooFew:
    """Until today (the period's end, once it is over), of the fills of one class of medicines within the period.

    `can_miss` supposes that every further day is covered but those: below 0, 80 % is out of reach.
    """
    if len({fill.filled_on for fill in fills}) < FILLS_AT_LEAST:
        return TooFew(fills=len(fills))
    first, until = min(fill.filled_on for fill in fills), min(today, period_end)
    taken = _covered(fills)
    covered = sum(1 for day in taken if first <= day <= until)
    whole = (period_end - first).days + 1
    missed = (until - first).days + 1 - covered
    return Pdc(
        covered=covered, days=(until - first).days + 1, fills=len(fills),
        can_miss=int(whole * (1 - ADHERENT)) - missed, runs_out_on=max(taken) + DAY,
    )  # fmt: skip


def _covered(fills: Sequence[Fill]) -> set[date]:
    """The days somebody had any of it: what is left of one fill is taken before the next of the same medicine."""
    covered: set[date] = set()
    free: dict[str, date] = {}
    for fill in sorted(fills, key=lambda one: (one.filled_on, one.days_supply)):
        start = max(fill.filled_on, free.get(fill.medicine, date.min))
        covered.update(start + DAY * n for n in range(fill.days_supply))
        free[fill.medicine] = start + DAY * fill.days_supply
    return covered


def counts_for(of: AdherenceClass, taken: Collection[AdherenceClass]) -> bool:
    """Whether a patient who takes these classes is in the measure of that class."""
    return of in MEASURED and of in taken and TAKES_OUT.get(of) not in taken
