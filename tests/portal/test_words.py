"""Both languages say everything, with the same places to fill in."""

import itertools
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from server.monitoring.series import VITALS
from server.monitoring.targets import Goal, defaults
from server.monitoring.today import Category, Level
from server.web.portal.cards import card
from server.web.portal.words import load, phone, plain, words
from tests.portal.test_today import NOW, pressure, reading

NBSP = "\N{NO-BREAK SPACE}"
CLINIC_PHONE = "(212)\N{NO-BREAK SPACE}555\N{NON-BREAKING HYPHEN}0100"


def leaves(said: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_places() -> None:
    english, spanish = dict(leaves(load("en"))), dict(leaves(load("es")))
    assert english.keys() == spanish.keys()
    texts = [key for key, value in english.items() if isinstance(value, str) and not key.startswith("time.")]
    assert {k: fields(english[k]) for k in texts} == {k: fields(spanish[k]) for k in texts}
    for name, count in (("weekdays", 7), ("months", 12), ("short_months", 12)):
        assert len(load("en")["time"][name]) == len(load("es")["time"][name]) == count


@pytest.mark.parametrize(("vital", "level"), list(itertools.product(VITALS, ["very_high", "very_low"])))
def test_every_severe_level_says_when_to_call_911(vital: str, level: str) -> None:
    if (vital, level) in {("spo2", "very_high"), ("weight", "very_low")}:
        return  # more oxygen or less weight is nobody's emergency here
    for language in ("en", "es"):
        assert "911" in (words(language, "UTC").maybe(f"advice.{vital}.{level}.emergency") or "")


def test_every_level_and_category_has_words() -> None:
    for language, level in itertools.product(("en", "es"), get_args(Level)):
        if level != "unjudged":
            assert words(language, "UTC").maybe(f"short.{level}")
            assert words(language, "UTC").maybe(f"level.{level}", goal="x")
    for language, name in itertools.product(("en", "es"), get_args(Category)):
        assert words(language, "UTC").maybe(f"category.{name}")


@pytest.mark.parametrize(
    ("language", "hour", "expected"),
    [("en", 0, "12:05 AM"), ("en", 8, "8:05 AM"), ("en", 12, "12:05 PM"), ("en", 23, "11:05 PM"), ("es", 13, "1:05 p. m.")],
)  # fmt: skip
def test_the_clock_has_twelve_hours(language: str, hour: int, expected: str) -> None:
    assert words(language, "UTC").clock(datetime(2026, 7, 3, hour, 5, tzinfo=UTC)).replace(NBSP, " ") == expected


def test_times_are_the_patients_own() -> None:
    assert words("en", "America/Phoenix").clock(datetime(2026, 7, 3, 2, 5, tzinfo=UTC)) == f"7:05{NBSP}PM"
    assert words("en", "UTC").day(date(2026, 7, 3)) == "Friday, July 3"
    assert words("es", "UTC").day(date(2026, 7, 3)) == "viernes 3 de julio"


def test_the_example_reads_as_a_person_would_say_it() -> None:
    english = card("blood_pressure", [pressure(146, 88, 120)], defaults(), words("en", "America/New_York"), NOW)
    assert (english.number, english.status) == ("146/88", "A little above your goal of under 130/80")
    assert english.measured == f"Measured 2 hours ago (8:00{NBSP}AM)"
    assert english.spoken == "146 over 88 mmHg"
    assert english.averages == (
        "Last 7 days: not enough readings for an average (1).",
        "The 7 days before: no readings.",
    )
    spanish = card("blood_pressure", [pressure(146, 88, 120)], defaults(), words("es", "America/New_York"), NOW)
    assert spanish.status == "Un poco por encima de su meta de menos de 130/80"


def test_a_low_sugar_of_this_morning_is_not_spoken_of_as_now() -> None:
    say = words("en", "UTC")
    fresh = card("glucose", [reading("glucose", 5, glucose_mgdl=52.0)], defaults(), say, NOW)
    stale = card("glucose", [reading("glucose", 300, glucose_mgdl=52.0)], defaults(), say, NOW)
    assert "15 grams of fast sugar now" in (fresh.advice or "")
    assert (stale.advice or "").startswith("If you have not checked since, check again now")
    assert "911" in (fresh.emergency or "")
    assert fresh.emergency == stale.emergency


def test_hi_has_no_unit_and_its_own_words() -> None:
    found = card("glucose", [reading("glucose", out_of_range="above")], defaults(), words("en", "UTC"), NOW)
    assert (found.number, found.unit, found.tone) == ("HI", "", "urgent")
    assert found.status == "Too high for your meter to show a number"


def test_pounds_and_fahrenheit_are_shown_and_both_goals_agree_with_them() -> None:
    say = words("en", "UTC")
    weight = card("weight", [reading("weight", weight_kg=82.7)], defaults(), say, NOW)
    fever = card("temperature", [reading("temperature", temperature_c=38.0)], defaults(), say, NOW)
    assert (weight.number, weight.also) == ("182.3", "82.7 kg")
    assert (fever.number, fever.status) == ("100.4", "Above your goal of under 100.4")


def test_the_goals_in_words() -> None:
    say = words("en", "UTC")
    assert say.goal("spo2", Goal(low=95)) == "95 or more"
    assert say.goal("pulse", Goal(low=60, high=100)) == "60 to 100"
    assert say.goal("pulse", Goal(high=100)) == "100 or less"


def test_numbers_and_phones() -> None:
    assert (plain(146.0), plain(129.64)) == ("146", "129.6")
    assert (phone("+12125550100"), phone("+442071838750")) == (CLINIC_PHONE, "+442071838750")
