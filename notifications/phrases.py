"""Rules made of concepts ("CANNOT BREATHE"), and whether a text holds one of them: pure, for any language.

A rule is a line: words and CONCEPTS in order, with at most two other words between neighbours. `~5 A B`: in any order,
with at most five other words among them. `4 A B`: in order, with at most four between neighbours. `a|B` is either;
`a*` begins so; `a_b` is two words in a row. After ` - ` comes what must not stand within three words of it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

Span = tuple[int, int]
NEAR = 3


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` hold alternatives of the lexicon; `gap` counts the other words allowed between them."""

    slots: tuple[frozenset[str], ...]
    gap: int
    any_order: bool
    unless: tuple[str, ...]


class Rules:
    """Lines of rules, ready to be looked for."""

    def __init__(self, concepts: Mapping[str, str], lines: str) -> None:
        self._concepts = {name: tuple(words.split()) for name, words in concepts.items()}
        self.rules = [
            self._read(line.strip()) for line in lines.splitlines() if line.strip() and line.strip()[0] != "#"
        ]
        terms = {term for rule in self.rules for slot in (*rule.slots, rule.unless) for term in slot}
        self._exact = {term for term in terms if "_" not in term and "*" not in term}
        self._starts = _by_first(
            term.removesuffix("*") for term in terms if term.endswith("*") and "_" not in term and len(term) > 2
        )
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for term in terms:
            if "_" in term:
                self._phrases.setdefault(term.split("_")[0], []).append(tuple(term.split("_")))
        self.terms_of = lru_cache(maxsize=8192)(self._terms_of)

    def held(self, words: list[str]) -> str | None:
        """The first rule that these words hold, written as its slots, else None."""
        found = self._found(words)
        for rule in self.rules:
            if _holds(rule, found):
                return " ".join("|".join(sorted(slot)[:2]) for slot in rule.slots)
        return None

    def words(self) -> set[str]:
        """Every whole word that the rules are made of: what a misspelt word may have meant."""
        return self._exact | {
            part for words in self._phrases.values() for phrase in words for part in phrase if part[-1] != "*"
        }

    def _read(self, line: str) -> Rule:
        wanted, _, unless = line.partition(" - ")
        head, *rest = wanted.split()
        loose, number = head.startswith("~"), re.fullmatch(r"~?(\d)", head)
        terms = rest if number else [head, *rest]
        return Rule(
            slots=tuple(frozenset(self._alternatives(term)) for term in terms),
            gap=int(number[1]) if number else 2,
            any_order=loose,
            unless=tuple(alternative for term in unless.split() for alternative in self._alternatives(term)),
        )

    def _alternatives(self, term: str) -> tuple[str, ...]:
        """A concept is written in capitals; it must be one that there is."""
        parts = term.split("|")
        return tuple(word for part in parts for word in (self._concepts[part] if part.isupper() else (part,)))

    def _terms_of(self, word: str) -> tuple[str, ...]:
        exact = (word,) if word in self._exact else ()
        return exact + tuple(f"{start}*" for start in self._starts.get(word[:2], ()) if word.startswith(start))

    def _found(self, words: list[str]) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for at, word in enumerate(words):
            for term in self.terms_of(word):
                found.setdefault(term, []).append((at, at + 1))
            for phrase in self._phrases.get(word, ()):
                if _same(words[at : at + len(phrase)], phrase):
                    found.setdefault("_".join(phrase), []).append((at, at + len(phrase)))
        return found


def _same(words: list[str], phrase: tuple[str, ...]) -> bool:
    """The last word of a phrase may be a beginning."""
    *first, last = phrase
    if len(words) != len(phrase) or words[:-1] != first:
        return False
    return words[-1].startswith(last[:-1]) if last[-1] == "*" else words[-1] == last


def _by_first(starts: Iterable[str]) -> dict[str, list[str]]:
    """By their first two letters, so that few are tried for a word."""
    grouped: dict[str, list[str]] = {}
    for start in starts:
        grouped.setdefault(start[:2], []).append(start)
    return grouped


def _holds(rule: Rule, found: Mapping[str, list[Span]]) -> bool:
    if any(slot.isdisjoint(found) for slot in rule.slots):
        return False
    places = [[span for term in slot for span in found.get(term, ())] for slot in rule.slots]
    spans = _together(places, rule.gap) if rule.any_order else _in_order(places, rule.gap)
    vetoes = [span for term in rule.unless for span in found.get(term, ())]
    return any(not any(v[0] < end + NEAR and v[1] > start - NEAR for v in vetoes) for start, end in spans)


def _in_order(places: list[list[Span]], gap: int) -> set[Span]:
    spans = set(places[0])
    for later in places[1:]:
        spans = {(start, b) for start, end in spans for a, b in later if 0 <= a - end <= gap}
    return spans


def _fits(spans: tuple[Span, ...], a: int, b: int, gap: int) -> bool:
    """A word fills one slot, and what is too far away is dropped at once."""
    return all((b <= s or a >= e) and max(b, e) - min(a, s) <= gap + 8 for s, e in spans)


def _together(places: list[list[Span]], gap: int) -> set[Span]:
    """Spans that hold one of each slot and at most `gap` words more."""
    chosen: list[tuple[Span, ...]] = [(span,) for span in places[0]]
    for others in places[1:]:
        chosen = [(*spans, (a, b)) for spans in chosen for a, b in others if _fits(spans, a, b, gap)]
    whole = ((min(spans)[0], max(end for _, end in spans), sum(e - s for s, e in spans)) for spans in chosen)
    return {(start, end) for start, end, used in whole if end - start - used <= gap}
