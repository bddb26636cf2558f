"""What the law says of texts to patients: dated entries with their sources, read from `law.toml`."""

import functools
from datetime import date, time
from pathlib import Path
from typing import Literal

import msgspec

FILE = Path(__file__).with_name("law.toml")
FEDERAL = "US"
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a text may arrive in a region, on the patient's own clock; without hours those days are closed."""

    region: str
    source: str
    opens: time | None = None
    closes: time | None = None
    on: tuple[Weekday, ...] = WEEKDAYS
    since: date | None = None
    until: date | None = None  # the last day

    def holds_on(self, day: date) -> bool:
        begun = self.since is None or self.since <= day
        return begun and (self.until is None or day <= self.until) and WEEKDAYS[day.weekday()] in self.on


class Dated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that holds from a date on."""

    since: date
    source: str


class Law(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it, with its date; `approved_by` is empty until somebody signs it off."""

    version: int
    dated: str
    approved_by: str
    one_opt_out_ends_all: Dated
    hours: tuple[Hours, ...]

    @property
    def regions(self) -> set[str]:
        """The states that have hours of their own."""
        return {one.region for one in self.hours} - {FEDERAL}


@functools.cache
def law() -> Law:
    """As shipped, read when first needed."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Law)
