"""Numbers as people type them into a text, in English and Spanish: pure, and nothing is guessed that was not written.

"bp 150 over 95 pulse 70", "azucar 110", "peso 81,5 kg" and "140/90" are values; "500 mg", "3 pm", "up 3 lb" and
"24/7" are none. Units are kept as written: which are possible, and what is missing, is decided where units are known.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from notifications.texted_words import (
    ANOTHERS,
    BEYOND,
    CHANGES,
    CONTEXTS,
    EARLIER,
    FILL,
    LONG_AGO,
    NOT_SAID,
    OTHER_UNIT,
    PAIRED,
    SMALL_WORDS,
    UNITS,
    WORDS,
)

Doubt = Literal["question", "whose"]
MORE = 2  # words beside the values that mean something: "feel dizzy"


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """One value: its kind ("number" when it does not say), the numbers by metric, and the unit if one is written.

    `beyond` is a meter's HI or LO, which has no number. `earlier`: it was measured before, but today.
    """

    kind: str
    numbers: dict[str, Decimal] = {}
    unit: str | None = None
    context: str | None = None
    beyond: Literal["above", "below"] | None = None
    earlier: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All values of a text. `doubt`: it asks about them or speaks of somebody else, so a person has to read it.

    `more`: beside its values it says something, which a person reads too.
    """

    values: tuple[Typed, ...] = ()
    doubt: Doubt | None = None
    more: bool = False


def told(text: str) -> Told:
    """What a text says of numbers; of another day it says nothing of now."""
    words = plain(text)
    if LONG_AGO.search(words):
        return Told()
    context = next((name for name, pattern in CONTEXTS if pattern.search(words)), None)
    earlier = EARLIER.search(words) is not None
    seen, rest = _found(words)
    found = _with_pulse(seen)
    values = tuple(
        msgspec.structs.replace(one, earlier=earlier, context=context if one.kind == "glucose" else None)
        for one in found
    )
    doubt: Doubt | None = "question" if NOT_SAID.search(words) else "whose" if ANOTHERS.search(words) else None
    return Told(values=values, doubt=doubt if values else None, more=len(_meaningful(rest)) >= MORE)


def completed(before: Typed, text: str) -> Typed | None:
    """The value with what was missing and is now all that a text says: its unit, its kind, the lower number."""
    words = plain(text)
    if unit := next((name for name, pattern in UNITS.items() if re.fullmatch(pattern, words)), None):
        return msgspec.structs.replace(before, unit=unit)
    if before.kind == "number" and (kind := next((k for k, w in WORDS.items() if re.fullmatch(w, words)), None)):
        return Typed(kind=kind, numbers={_METRIC[kind]: before.numbers["number"]}, unit=before.unit)
    half = set(before.numbers) == {"systolic"}
    if half and re.fullmatch(r"\d{2,3}", words):
        return msgspec.structs.replace(before, numbers={**before.numbers, "diastolic": Decimal(words)})
    return None


def plain(text: str) -> str:
    """Lower case, no accents, single spaces; digits keep what joins them, and "81,5" is 81.5."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("½", ".5"))
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    bare = re.sub(r"(\d),(\d{1,2})(?!\d)", r"\1.\2", bare).replace("\\", "/").replace("°", " ").replace("º", " ")
    return " ".join(re.sub(r"[^a-z0-9./%?:=,;\n-]+", " ", bare).split()).strip(" .,;:-!")


_METRIC = {
    "blood_pressure": "systolic", "glucose": "glucose", "weight": "weight", "spo2": "spo2", "pulse": "pulse",
    "temperature": "temperature",
}  # fmt: skip
_NUMBER = rf"(\d{{1,4}}(?:\.\d{{1,2}})?)(?![\d/]|[.:]\d){OTHER_UNIT}"
_UNIT = "|".join(rf"(?P<u{n}>{pattern})" for n, pattern in enumerate(UNITS.values()))
_NAMES = tuple(UNITS)
_SINGLE = {kind: re.compile(rf"\b{word}\b{FILL}{_NUMBER}(?: ?(?:{_UNIT})(?![a-z]))?") for kind, word in WORDS.items()}
_TURNED = {
    kind: re.compile(rf"(?<![\d./]){_NUMBER}(?: ?(?:{_UNIT}))? (?:of |de |for |en )?{word}\b")
    for kind, word in WORDS.items()
    if kind != "blood_pressure"
}
_BY_UNIT = re.compile(rf"(?<![\d./])(\d{{1,4}}(?:\.\d{{1,2}})?) ?(?:{_UNIT})(?![a-z0-9])")
_OF_UNIT = {
    "lb": "weight", "kg": "weight", "mg/dL": "glucose", "mmol/L": "glucose", "F": "temperature", "C": "temperature",
    "bpm": "pulse",
}  # fmt: skip


Found = tuple[list[Typed], str]


def _found(words: str) -> Found:
    """Each value once: what was understood is taken out of the text before the next kind is looked for."""
    if match := re.fullmatch(r"(\d{2,3}(?:\.\d{1,2})?)", words):
        return [Typed(kind="number", numbers={"number": Decimal(match[1])})], ""
    values: list[Typed] = []
    for find in (_pressures, _beyonds, _singles, _by_unit):
        found, words = find(words)
        values += found
    return values, words


def _meaningful(rest: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]{2,}", rest) if word not in SMALL_WORDS]


def _pressures(words: str) -> Found:
    found: list[Typed] = []

    def take(match: re.Match[str]) -> str:
        said = match.groupdict()
        numbers = {"systolic": Decimal(said["top"]), "diastolic": Decimal(said["low"])}
        if pulse := said.get("pulse") or said.get("pulse2"):
            numbers["pulse"] = Decimal(pulse)
        found.append(Typed(kind="blood_pressure", numbers=numbers, unit="kPa" if said.get("kpa") else None))
        return " ; "

    for pattern in PAIRED:
        words = pattern.sub(lambda match: take(match) if _pair(match) else match[0], words)
    return found, words


def _pair(match: re.Match[str]) -> bool:
    """Without a word for it two numbers are a pressure only when they look like one: 24/7 and 11/24 do not."""
    top, low = int(match["top"]), int(match["low"])
    return bool(match.groupdict().get("word")) or (60 <= top <= 350 and 25 <= low <= 220)


def _beyonds(words: str) -> Found:
    found: list[Typed] = []

    def take(match: re.Match[str]) -> str:
        found.append(Typed(kind="glucose", beyond="above" if match["beyond"] == "hi" else "below"))
        return " ; "

    return found, BEYOND.sub(take, words)


def _singles(words: str) -> Found:
    found: list[Typed] = []
    for kind in (*(k for k in WORDS if k != "blood_pressure"), "blood_pressure"):  # a lonely upper number comes last
        if kind == "weight" and CHANGES.search(words):
            continue
        for pattern in filter(None, (_SINGLE[kind], _TURNED.get(kind))):
            words = pattern.sub(_taker(kind, found), words)
    return found, words


def _by_unit(words: str) -> Found:
    """A unit that belongs to one kind only says which it is: 180 lb, 98.6 F, 110 mg/dl."""
    found: list[Typed] = []

    def take(match: re.Match[str]) -> str:
        kind = _OF_UNIT.get(_unit(match) or "")
        if kind is None or (kind == "weight" and CHANGES.search(words)):
            return match[0]
        return _taker(kind, found)(match)

    return found, _BY_UNIT.sub(take, words)


def _taker(kind: str, found: list[Typed]) -> Callable[[re.Match[str]], str]:
    def take(match: re.Match[str]) -> str:
        found.append(Typed(kind=kind, numbers={_METRIC[kind]: Decimal(match[1])}, unit=_unit(match)))
        return " ; "

    return take


def _unit(match: re.Match[str]) -> str | None:
    return next((_NAMES[int(name[1:])] for name, said in match.groupdict().items() if said and name[0] == "u"), None)


def _with_pulse(found: list[Typed]) -> list[Typed]:
    """A pulse beside one pressure was shown by the same cuff; the same value twice is one."""
    once = [one for n, one in enumerate(found) if one not in found[:n]]
    pressures = [one for one in once if one.kind == "blood_pressure" and "diastolic" in one.numbers]
    pulses = [one for one in once if one.kind == "pulse"]
    if len(pressures) != 1 or len(pulses) != 1 or "pulse" in pressures[0].numbers:
        return once
    joined = msgspec.structs.replace(pressures[0], numbers=pressures[0].numbers | pulses[0].numbers)
    return [joined if one is pressures[0] else one for one in once if one is not pulses[0]]
