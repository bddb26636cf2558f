"""What the model sees of a text: words, pairs, pieces and kinds of words, each as the number of a place."""

from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from notifications.danger import mended
from notifications.hearing.kinds import kinds_of
from notifications.spelling import joined

PLACES = 1 << 17
LONGEST = 40  # words seen at once: what is longer is seen in pieces that overlap
PIECE_SIZES = (3, 4, 5)  # letters: a misspelt word keeps most of its pieces
NEAR = 3  # words apart


def windows(words: str) -> list[list[str]]:
    """The words of a plain text, as many at once as the model was made for."""
    all_words = joined(words).split()
    starts = range(0, max(1, len(all_words) - LONGEST // 2), LONGEST // 2)
    return [all_words[start : start + LONGEST] for start in starts]


def features(words: list[str]) -> list[int]:
    """The places of everything seen in these words, each once and in order; two things may share a place."""
    seen = _sequence([_number(word) for word in words])
    if (as_meant := mended(" ".join(words)).split()) != words:
        seen |= _sequence([_number(word) for word in as_meant])
    for word in words:
        seen.update(_pieces(word))
    seen |= _kinds(words)
    return sorted({crc32(one.encode()) % PLACES for one in seen})


def _number(word: str) -> str:
    """A number counts by how many digits it has; the rules judge its value."""
    return "9" * len(word) if word.isdigit() else word


def _sequence(words: list[str]) -> set[str]:
    padded = ["^", *words, "$"]
    pairs = {f"b{a} {b}" for a, b in pairwise(padded)}
    around = {f"s{a} {b}" for a, b in zip(padded, padded[2:], strict=False)}
    return {f"w{word}" for word in words} | pairs | around


@lru_cache(maxsize=8192)
def _pieces(word: str) -> tuple[str, ...]:
    whole = f"<{word}>"
    return tuple({f"g{whole[i : i + n]}" for n in PIECE_SIZES for i in range(len(whole) - n + 1)})


def _kinds(words: list[str]) -> set[str]:
    """Kinds there are, which stand together in the text, and which follow each other closely."""
    kinds = kinds_of(words)
    all_kinds = sorted({kind for of_word in kinds for kind in of_word})
    seen = {f"k{kind}" for kind in all_kinds}
    seen |= {f"q{a} {b}" for i, a in enumerate(all_kinds) for b in all_kinds[i + 1 :]}
    for i, first in enumerate(kinds):
        for second in kinds[i + 1 : i + 1 + NEAR]:
            seen |= {f"r{a} {b}" for a in first for b in second if a != b}
    return seen
