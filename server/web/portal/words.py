"""What the portal says, in the patient's language: wordings are data, numbers and times follow the language."""

import functools
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from server.monitoring.series import Reading, Vital
from server.monitoring.targets import Goal
from server.monitoring.today import Ago, ago

FOLDER = Path(__file__).with_name("wording")
LANGUAGES: dict[str, str] = {"en": "English", "es": "Español"}
POUNDS_PER_KG = 2.20462262


class Words:
    """Called with a key: `words("page.hello", name=…)`. A key that is missing is a bug, not an empty place."""

    def __init__(self, language: str, said: dict[str, Any], zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._said = said

    def __call__(self, key: str, *values: object, **fields: object) -> str:
        text = _at(self._said, key)
        if not isinstance(text, str):
            raise KeyError(key)
        return text.format(*values, **fields)

    def lines(self, key: str) -> list[str]:
        """A list of words, as the signs to look out for."""
        found = _at(self._said, key)
        if not isinstance(found, list):
            raise KeyError(key)
        return [str(line) for line in found]

    def maybe(self, key: str, **fields: object) -> str | None:
        """As a call, but None when nothing is written for the key."""
        text = _at(self._said, key)
        return text.format(**fields) if isinstance(text, str) else None

    def clock(self, moment: datetime) -> str:
        """Twelve hours, as people in the United States tell the time: "8:02 AM", "8:02 a. m."."""
        local = moment.astimezone(self.zone)
        half = self("time.am") if local.hour < 12 else self("time.pm")
        return self("time.clock", hour=local.hour % 12 or 12, minute=f"{local.minute:02d}", half=half)

    def day(self, day: date) -> str:
        """ "Saturday, November 21"."""
        weekday, month = self._list("weekdays")[day.weekday()], self._list("months")[day.month - 1]
        return self("time.date", weekday=weekday, month=month, day=day.day)

    def full_date(self, day: date) -> str:
        """ "November 21, 2026"."""
        return self("time.date_year", month=self._list("months")[day.month - 1], day=day.day, year=day.year)

    def short(self, day: date) -> str:
        """ "Nov 21"."""
        return self("time.short", short_month=self._list("short_months")[day.month - 1], day=day.day)

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def measured(self, moment: datetime, now: datetime) -> str:
        """ "Measured 2 hours ago (8:02 AM)"; with the date when it was neither today nor yesterday."""
        since = ago(moment, now, self.zone)
        key = "ago.measured_on" if since.age == "days" else "ago.measured"
        return self(key, ago=self.ago(since), time=self.clock(moment), date=self.short(self.local_day(moment)))

    def ago(self, since: Ago) -> str:
        one = {"minutes": "minute", "hours": "hour"}
        name = one.get(since.age, since.age) if since.count == 1 else since.age
        return self(f"ago.{name}", count=since.count)

    def values(self, vital: Vital, reading: Reading) -> str:
        """ "146/88", "182.4" (pounds), "98.6" (°F), "HI"."""
        values = reading.values(vital)
        if values is None:
            return self("spoken.hi") if reading.out_of_range == "above" else self("spoken.lo")
        return "/".join(shown(vital, value) for value in values)

    def spoken(self, vital: Vital, reading: Reading) -> str:
        """For a screen reader: "146 over 88 mmHg"."""
        values = reading.values(vital)
        if values is None:
            return self.values(vital, reading)
        said = (
            self("spoken.blood_pressure", *(shown(vital, x) for x in values))
            if len(values) > 1
            else shown(vital, values[0])
        )
        return f"{said} {self('unit.' + vital)}"

    def goal(self, vital: Vital, goal: Goal) -> str:
        """ "under 130/80", "80 to 130", "95 or more"."""
        if goal.below_systolic_mmhg is not None and goal.below_diastolic_mmhg is not None:
            return self("goal.under_pair", plain(goal.below_systolic_mmhg), plain(goal.below_diastolic_mmhg))
        if goal.below is not None:
            return self("goal.under", shown(vital, goal.below))
        if goal.low is not None and goal.high is not None:
            return self("goal.range", shown(vital, goal.low), shown(vital, goal.high))
        if goal.low is not None:
            return self("goal.at_least", shown(vital, goal.low))
        return self("goal.at_most", shown(vital, goal.high or 0))

    def _list(self, name: str) -> list[str]:
        return list(self._said["time"][name])


def words(language: str, zone: str) -> Words:
    """The words of one patient; English when the language is one we do not have."""
    known = language if language in LANGUAGES else "en"
    return Words(known, load(known), ZoneInfo(zone))


@functools.cache
def load(language: str) -> dict[str, Any]:
    """One language's wordings, read when first needed."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def _at(said: dict[str, Any], key: str) -> Any:
    found: Any = said
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def customary(vital: Vital, value: float) -> float:
    """In the unit people here use at home: pounds and °F, the rest as stored."""
    if vital == "weight":
        return value * POUNDS_PER_KG
    return value * 9 / 5 + 32 if vital == "temperature" else value


def shown(vital: Vital, value: float) -> str:
    """A stored number as the patient reads it, in pounds and °F."""
    return plain(customary(vital, value))


def plain(value: float) -> str:
    """146.0 → "146", 98.64 → "98.6"."""
    return f"{value:.1f}".removesuffix(".0")


def phone(number: str) -> str:
    """+12125550100 → "(212) 555-0100", never broken over two lines; other countries' stay as they are."""
    if number.startswith("+1") and len(number) == 12:
        return f"({number[2:5]})\N{NO-BREAK SPACE}{number[5:8]}\N{NON-BREAKING HYPHEN}{number[8:]}"
    return number
