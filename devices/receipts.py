"""Receipts to senders: what became of each entry, so that a hub may forget it."""

from collections.abc import Sequence
from typing import Literal

import msgspec


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """One entry's fate, as its sender is told; a duplicate repeats its first fate."""

    sender: str
    epoch: int
    seq: int | None
    hash: bytes
    fate: Literal["stored", "held", "quarantined"]
    reason: str | None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Kept in quarantine here; sending it again changes nothing."""

    reason: str
    seq: int | None = None
    hash: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one epoch: everything up to `through` is settled; entries without a number are named by `hash`."""

    epoch: int
    through: int
    stored: list[int]
    held: list[int]
    refused: list[Refusal]
    hash: str | None = None
    fate: str | None = None


def receipts(settled: Sequence[Settled], through: dict[tuple[str, int], int]) -> dict[str, list[Receipt]]:
    """The receipts of a batch by sender: one per epoch, and one per entry that has no number."""
    found: dict[str, list[Receipt]] = {}
    epochs: dict[tuple[str, int], list[Settled]] = {}
    for entry in settled:
        where = (entry.sender, entry.epoch)
        if entry.seq is None:
            found.setdefault(entry.sender, []).append(_unnumbered(entry, through.get(where, 0)))
        else:
            epochs.setdefault(where, []).append(entry)
    for (sender, epoch), entries in epochs.items():
        found.setdefault(sender, []).append(_numbered(epoch, entries, through.get((sender, epoch), 0)))
    return found


def _numbered(epoch: int, entries: list[Settled], through: int) -> Receipt:
    numbers = {e.seq: e for e in entries if e.seq is not None}
    return Receipt(
        epoch=epoch,
        through=through,
        stored=sorted(seq for seq, e in numbers.items() if e.fate == "stored"),
        held=sorted(seq for seq, e in numbers.items() if e.fate == "held"),
        refused=[
            Refusal(seq=seq, reason=e.reason or "refused")
            for seq, e in sorted(numbers.items())
            if e.fate == "quarantined"
        ],
    )


def _unnumbered(entry: Settled, through: int) -> Receipt:
    named = entry.hash.hex()
    refused = [Refusal(hash=named, reason=entry.reason or "refused")] if entry.fate == "quarantined" else []
    return Receipt(epoch=entry.epoch, through=through, stored=[], held=[], refused=refused, hash=named, fate=entry.fate)
