"""One pure module per measure; each says of one person whether they are asked for, and whether it is done."""

from collections.abc import Sequence
from datetime import date

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done on a day."""

    kind: str
    done_on: date


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`in_population` leaves out who is excluded; `last_done_on` is what counts, else what is too long ago."""

    in_population: bool
    met: bool
    last_done_on: date | None


def calendar_year(today: date) -> tuple[date, date]:
    """The period of most measures."""
    return date(today.year, 1, 1), date(today.year, 12, 31)


def age_at_end(birth_date: date, year: int) -> int:
    """Age in whole years on 31 December, which is everybody's birthday by then."""
    return year - birth_date.year


def latest(evidence: Sequence[Evidence], kind: str, since: date, until: date) -> date | None:
    """The last day of that kind within both ends."""
    return max((e.done_on for e in evidence if e.kind == kind and since <= e.done_on <= until), default=None)
