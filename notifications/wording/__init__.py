"""What we say, as data: one file per language, every text with a name, a version and a purpose."""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

import msgspec

from notifications.messages import Purpose
from notifications.segments import fold

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """One text as shipped. A changed text is a new version, so a message says exactly which one it used."""

    version: int
    purpose: Purpose
    text: str

    @property
    def fields(self) -> list[str]:
        """The names in braces that a caller must fill."""
        return sorted({name for _, name, _, _ in string.Formatter().parse(self.text) if name})


class Own(Protocol):
    """A clinic's own words for one of our texts. Its numbers begin at 1001: they are never one of ours."""

    @property
    def version(self) -> int: ...
    @property
    def text(self) -> str: ...


Owns = Mapping[tuple[str, str], Own]  # (name, language) -> what this organization says instead
NOTHING_OWN: Final[Owns] = MappingProxyType({})


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A text ready to go, and where it came from."""

    name: str
    version: int
    language: Language
    purpose: Purpose
    body: str


def render(name: str, language: str, own: Owns = NOTHING_OWN, **fields: str) -> Rendered:
    """The text in that language (English when we have no other); fields it does not use are ignored.

    `own` is the organization's words where it has approved some. `KeyError` for an unknown name or a field left out:
    both are mistakes of ours, found by a test. Own words that want a field we no longer give are not used: ours are.
    """
    spoken: Language = language if language in LANGUAGES else "en"
    wording = catalogue(spoken)[name]
    # A clinic's "á" would turn the whole text into 70-character segments; the plain letter reads as well.
    folded = {key: fold(value) for key, value in fields.items()}
    version, body = wording.version, None
    if theirs := own.get((name, spoken)):
        version, body = theirs.version, _filled(theirs.text, folded)
    if body is None:
        version, body = wording.version, wording.text.format_map(folded)
    return Rendered(name=name, version=version, language=spoken, purpose=wording.purpose, body=body)


def _filled(text: str, fields: Mapping[str, str]) -> str | None:
    try:
        return text.format_map(fields)
    except (KeyError, ValueError, IndexError, AttributeError):
        return None


@cache
def catalogue(language: Language) -> dict[str, Wording]:
    """All texts of a language by name."""
    raw: dict[str, Any] = tomllib.loads(files(__name__).joinpath(f"{language}.toml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Wording])
