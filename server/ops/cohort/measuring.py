"""How a person measures: sessions kept or missed, first readings too high, clumsy ones, measured again, sent late."""

from collections.abc import Sequence

import msgspec

from server.ops.cohort import truth
from server.ops.cohort.chance import Chance
from server.ops.cohort.person import HABITS, Person
from server.ops.cohort.truth import Truth

UNEXPECTED = 20.0  # mmHg above or below what they are used to: many people then measure once more
MINUTE = 1 / 1440  # of a day
RELUCTANT = 1.5  # nobody holds such a session: the published number of readings is reached long before


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One reading; `at` and `sent` in days since the cohort's first midnight, whole mmHg as a cuff shows them."""

    person: int
    at: float
    sent: float
    systolic: int
    diastolic: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured in one sitting. `reluctance` says which sessions fall away first; below 0 none does."""

    reluctance: float
    readings: list[Taken]


def sessions(person: Person, happened: Sequence[Truth], days: int, seed: int) -> list[Session]:
    """Every sitting this person could have had; who takes all of them takes too many."""
    chance = Chance(seed, "measuring", person.place)
    away = _absences(days, chance) + [(one.begins, one.ends) for one in happened if one.kind == "silence"]
    outages = _outages(person, days, chance)
    felt = [one for one in happened if one.kind in {"crisis", "hypotension"}]
    weeks = [chance.bell(3.0) for _ in range(days // 7 + 2)]
    found = []
    for day in range(days):
        for at, share in _sittings(person, day, chance):
            reluctance = chance.between(0, 1) / (share * person.keen)
            if reluctance < RELUCTANT and not any(start <= at <= end for start, end in away):
                readings = _sitting(person, happened, at, weeks, outages, chance)
                found.append(Session(reluctance=reluctance, readings=readings))
    for one in felt:
        found += [
            Session(reluctance=-1, readings=_sitting(person, happened, at, weeks, outages, chance, asked=True))
            for at in _while_unwell(one, days, chance)
        ]
    return found


def _absences(days: int, chance: Chance) -> list[tuple[float, float]]:
    """Journeys and colds: a few days without the cuff, which nobody needs to be called about."""
    starts = [chance.between(0, days) for _ in range(chance.whole(0, 3))]
    return [(start, start + chance.between(2, 6)) for start in starts]


def _outages(person: Person, days: int, chance: Chance) -> list[tuple[float, float]]:
    """When the hub at home had no network: it keeps what was measured and sends it when it can."""
    many = chance.whole(2, 5) if person.flaky else 0
    starts = [chance.between(0, days) for _ in range(many)]
    return [(start, start + chance.between(0.3, 4)) for start in starts]


def _sittings(person: Person, day: int, chance: Chance) -> list[tuple[float, float]]:
    """(When, how often kept) of one day."""
    _, morning, evening = HABITS[person.habit]
    return [
        (day + (7.6 + chance.bell(0.8)) / 24, morning),
        (day + (19.8 + chance.bell(1.1)) / 24, evening),
    ]


def _while_unwell(one: Truth, days: int, chance: Chance) -> list[float]:
    """Somebody who feels ill measures soon, and again every few hours."""
    at = one.begins + chance.between(0.5, 4) / 24
    found = []
    while at < min(one.ends, days):
        found.append(at)
        at += chance.between(2.5, 8) / 24
    return found


def _sitting(
    person: Person, happened: Sequence[Truth], at: float, weeks: Sequence[float],
    outages: Sequence[tuple[float, float]], chance: Chance, *, asked: bool = False,
) -> list[Taken]:  # fmt: skip
    """One to four readings a few minutes apart, about the mean of that hour."""
    true = _true(person, happened, at)
    shift = weeks[int(at) // 7] + chance.bell(person.day_sd) - (person.evening_lower if at % 1 > 0.5 else 0)
    shift = chance.bell(4) if asked else shift  # an illness does not care for the time of day
    rest = person.first_higher * chance.between(0.4, 1.6)
    first = _reading(person, true, shift + rest, at, outages, chance)
    readings = [first]
    again = chance.whole(1, 3) if asked else _again(person, first, chance)
    for _ in range(again):
        at += chance.between(1.5, 6) * MINUTE
        readings.append(_reading(person, true, shift + rest * 0.2, at, outages, chance))
    return readings


def _again(person: Person, first: Taken, chance: Chance) -> int:
    unexpected = abs(first.systolic - person.systolic) > UNEXPECTED
    return int(chance.happens(0.55)) + int(chance.happens(0.2)) if unexpected else int(chance.happens(person.twice))


def _true(person: Person, happened: Sequence[Truth], at: float) -> tuple[float, float]:
    """The mean this body has at that moment."""
    usual = (person.systolic, person.diastolic)
    for one in happened:
        if one.kind != "silence" and one.begins <= at <= one.ends:
            return truth.level(one, usual, at)
    return usual


def _reading(
    person: Person, true: tuple[float, float], shift: float, at: float,
    outages: Sequence[tuple[float, float]], chance: Chance,
) -> Taken:  # fmt: skip
    shift += _mishap(person, chance)
    systolic = true[0] + shift + chance.bell(person.reading_sd)
    diastolic = true[1] + shift * 0.55 + chance.bell(person.reading_sd * 0.7)
    shown = round(max(60.0, min(systolic, 250.0)))
    return Taken(
        person=person.place, at=at, sent=_sent(at, outages, chance), systolic=shown,
        diastolic=round(max(35.0, min(diastolic, 145.0, shown - 12.0))),
    )  # fmt: skip


def _mishap(person: Person, chance: Chance) -> float:
    """Over a sleeve, while talking, legs crossed: too high; the arm above the heart: too low; rarely, nonsense."""
    if chance.happens(0.0004):
        return chance.between(-55, 75)
    if not chance.happens(person.clumsy):
        return 0.0
    return chance.between(-22, -8) if chance.happens(0.25) else chance.between(8, 34)


def _sent(at: float, outages: Sequence[tuple[float, float]], chance: Chance) -> float:
    """Within a minute or so; now and then hours later; from an outage when it is over."""
    delay = chance.between(1, 12) / 24 if chance.happens(0.012) else chance.between(0.2, 1.5) * MINUTE
    return max([end for start, end in outages if start <= at <= end], default=at) + delay
