"""What patients read in parts and are asked, as we ship it: codes in one file, words in one file per language."""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

FOLDER: Final = Path(__file__).parent
LANGUAGES: Final = ("en", "es")

Tells = Literal["team", "emergency"]
Texts = Mapping[str, str]  # by language


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """`tells` is set when a person should read this answer; "emergency" also shows the patient when to call 911."""

    code: str
    text: Texts
    tells: Tells | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One of `options` is chosen; without options the patient writes."""

    code: str
    text: Texts
    options: tuple[Option, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A questionnaire as its version holds it."""

    title: Texts
    intro: Texts
    questions: tuple[Question, ...]


class ShippedQuestionnaire(msgspec.Struct, frozen=True, kw_only=True):
    """For the patients of `programme`, asked so often."""

    code: str
    version: int
    programme: str
    every_days: int
    source: str
    content: Content


class ShippedPart(msgspec.Struct, frozen=True, kw_only=True):
    """Part `position` of a series comes `day` days after the enrolment's own."""

    position: int
    day: int
    title: Texts
    body: Texts


class ShippedSeries(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    programme: str
    source: str
    title: Texts
    parts: tuple[ShippedPart, ...]


@functools.cache
def series() -> tuple[ShippedSeries, ...]:
    """Every series we ship, in both languages."""
    return tuple(_series(code, one) for code, one in _read("shipped")["education"].items())


@functools.cache
def questionnaires() -> tuple[ShippedQuestionnaire, ...]:
    """Every questionnaire we ship, in both languages."""
    return tuple(_questionnaire(code, one) for code, one in _read("shipped")["questionnaire"].items())


def _series(code: str, one: dict[str, Any]) -> ShippedSeries:
    said = {language: _read(language)["education"][code] for language in LANGUAGES}
    parts = (
        ShippedPart(
            position=position, day=day,
            title={language: text["parts"][position - 1]["title"] for language, text in said.items()},
            body={language: text["parts"][position - 1]["body"].strip() for language, text in said.items()},
        )
        for position, day in enumerate(one["days"], 1)
    )  # fmt: skip
    title = {language: text["title"] for language, text in said.items()}
    return ShippedSeries(code=code, programme=one["programme"], source=one["source"], title=title, parts=tuple(parts))


def _questionnaire(code: str, one: dict[str, Any]) -> ShippedQuestionnaire:
    said = {language: _read(language)["questionnaire"][code] for language in LANGUAGES}
    content = Content(
        title={language: text["title"] for language, text in said.items()},
        intro={language: text["intro"] for language, text in said.items()},
        questions=tuple(_question(asked, said) for asked in one["questions"]),
    )
    return ShippedQuestionnaire(
        code=code, version=one["version"], programme=one["programme"], every_days=one["every_days"],
        source=one["source"], content=content,
    )  # fmt: skip


def _question(asked: dict[str, Any], said: Mapping[str, Any]) -> Question:
    texts = {language: text[asked["code"]] for language, text in said.items()}
    tells = asked.get("tells", {})
    options = (
        Option(code=code, text={language: text[code] for language, text in texts.items()}, tells=tells.get(code))
        for code in asked.get("options", ())
    )
    return Question(
        code=asked["code"], text={language: text["text"] for language, text in texts.items()}, options=tuple(options)
    )


@functools.cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
