"""What really happened to some of the people: labels of the generator, which knows no rule and no limit of ours."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from server.ops.cohort.chance import Chance
from server.ops.cohort.person import Person

Kind = Literal["crisis", "loss_of_control", "hypotension", "silence"]
KINDS: tuple[Kind, ...] = ("loss_of_control", "crisis", "hypotension", "silence")
HOW_MANY: dict[Kind, int] = {"crisis": 12, "loss_of_control": 12, "hypotension": 10, "silence": 14}
OUT_OF_CONTROL = (150.0, 95.0)  # mmHg: from here on a mean that rose is labelled as lost
SETTLING = 35  # days at the beginning, in which nothing is labelled: a clinic first gets to know its patients


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled episode; times are days since the cohort's first midnight, pressures the true mean in mmHg.

    `begins` is when the change begins, `counts_from` when it has become what its kind says; a rule may speak from
    the first on, and its delay is told from the second. At `peaks` the change is complete.
    """

    person: int
    kind: Kind
    begins: float
    counts_from: float
    peaks: float
    ends: float
    systolic: float = 0.0
    diastolic: float = 0.0


def happened(people: Sequence[Person], days: int, seed: int) -> list[Truth]:
    """Each to another person, whoever that is: how diligently they measure and how high they usually are included."""
    left = Chance(seed, "truth").mixed(people)
    found = []
    for kind in KINDS:
        able = [p for p in left if kind != "loss_of_control" or _in_control(p)]
        chosen = able[: HOW_MANY[kind]]
        left = [p for p in left if p not in chosen]
        found += [_MAKE[kind](p, days, Chance(seed, kind, p.place)) for p in chosen]
    return sorted(found, key=lambda one: (one.begins, one.person))


def _in_control(person: Person) -> bool:
    """Control can be lost only where there is some."""
    return person.systolic < OUT_OF_CONTROL[0] - 8 and person.diastolic < OUT_OF_CONTROL[1] - 7


def _crisis(person: Person, days: int, chance: Chance) -> Truth:
    begins = chance.between(SETTLING, days - 4)
    systolic = chance.between(188, 218)
    return Truth(
        person=person.place, kind="crisis", begins=begins, counts_from=begins, peaks=begins,
        ends=begins + chance.between(0.4, 1.5), systolic=systolic,
        diastolic=min(systolic * chance.between(0.52, 0.64), 132),
    )  # fmt: skip


def _loss_of_control(person: Person, days: int, chance: Chance) -> Truth:
    """Three to six weeks up, and four to six weeks there before somebody changes the treatment."""
    rises, stays = chance.whole(21, 42), chance.whole(28, 42)
    begins = chance.between(SETTLING, days - rises - stays)
    systolic, diastolic = chance.between(156, 168), max(person.diastolic + 8, chance.between(90, 101))
    up = (OUT_OF_CONTROL[0] - person.systolic) / (systolic - person.systolic)
    down = (OUT_OF_CONTROL[1] - person.diastolic) / (diastolic - person.diastolic)
    return Truth(
        person=person.place, kind="loss_of_control", begins=begins, counts_from=begins + rises * min(up, down),
        peaks=begins + rises, ends=begins + rises + stays, systolic=systolic, diastolic=diastolic,
    )  # fmt: skip


def _hypotension(person: Person, days: int, chance: Chance) -> Truth:
    begins = chance.between(SETTLING, days - 4)
    systolic = chance.between(74, 85)
    return Truth(
        person=person.place, kind="hypotension", begins=begins, counts_from=begins, peaks=begins,
        ends=begins + chance.between(1, 3), systolic=systolic, diastolic=systolic * chance.between(0.55, 0.66),
    )  # fmt: skip


def _silence(person: Person, days: int, chance: Chance) -> Truth:
    """Not a journey of a few days: two weeks and more without a reading, and nobody said why."""
    lasts = chance.whole(14, 35)
    begins = float(chance.whole(SETTLING, days - lasts))
    return Truth(
        person=person.place, kind="silence", begins=begins, counts_from=begins, peaks=begins, ends=begins + lasts
    )


_MAKE = {"crisis": _crisis, "loss_of_control": _loss_of_control, "hypotension": _hypotension, "silence": _silence}


def level(truth: Truth, usual: tuple[float, float], day: float) -> tuple[float, float]:
    """The true mean at a moment of the episode, in mmHg, for someone whose usual one is `usual`."""
    share = 1.0 if day >= truth.peaks else (day - truth.begins) / (truth.peaks - truth.begins)
    systolic, diastolic = usual
    return systolic + (truth.systolic - systolic) * share, diastolic + (truth.diastolic - diastolic) * share
