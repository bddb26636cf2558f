"""How many segments a text costs: 160 characters when all are in GSM-7, 70 when one is not (GSM 03.38)."""

import unicodedata
from typing import Literal

import msgspec

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # each costs two


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    encoding: Literal["gsm7", "ucs2"]
    units: int
    segments: int


def cost(text: str) -> Cost:
    """The encoding a carrier will choose, the units used, and the segments billed."""
    if all(character in BASIC or character in EXTENDED for character in text):
        units = sum(2 if character in EXTENDED else 1 for character in text)
        return Cost(encoding="gsm7", units=units, segments=_parts(units, 160, 153))
    units = len(text.encode("utf-16-be")) // 2
    return Cost(encoding="ucs2", units=units, segments=_parts(units, 70, 67))


def outside(text: str) -> list[str]:
    """The characters that make the whole text cost 70-character segments, each once, in the order they stand."""
    return list(dict.fromkeys(c for c in text if c not in BASIC and c not in EXTENDED))


def fold(text: str) -> str:
    """The same words with letters that GSM-7 has: "José Martí" → "José Marti"; what has no such letter stays."""
    return "".join(character if character in BASIC else _plain(character) for character in text)


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base in BASIC else {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"}.get(base, character)


def _parts(units: int, alone: int, joined: int) -> int:
    return 1 if units <= alone else -(-units // joined)
