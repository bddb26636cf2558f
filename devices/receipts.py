"""Receipts to senders: what became of each entry, so that a hub may forget it."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Fate = Literal["stored", "held", "quarantined"]


class Settled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry's fate, as its sender is told; a duplicate repeats its first fate."""

    sender: str
    epoch: int
    seq: int | None
    hash: bytes
    fate: Fate
    reason: str | None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Kept in quarantine here; sending it again changes nothing."""

    reason: str
    seq: int | None = None
    hash: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Of one epoch: everything up to `through` is settled; entries without a number are named by `hash`."""

    epoch: int
    through: int
    stored: list[int]
    held: list[int]
    refused: list[Refusal]
    hash: str | None = None
    fate: str | None = None


class Told(Protocol):
    """What a receipt is made of: an entry as it was decided, or the fate of one that came before."""

    @property
    def sender(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int | None: ...
    @property
    def hash(self) -> bytes: ...
    @property
    def fate(self) -> Fate: ...
    @property
    def reason(self) -> str | None: ...


def receipts(settled: Sequence[Told], through: Mapping[tuple[str, int], int]) -> dict[str, list[Receipt]]:
    """The receipts of a batch by sender: one per epoch, and one per entry that has no number."""
    found: dict[str, list[Receipt]] = {}
    epochs: dict[tuple[str, int], list[Told]] = {}
    for entry in settled:
        where = (entry.sender, entry.epoch)
        if entry.seq is None:
            found.setdefault(entry.sender, []).append(_unnumbered(entry, through.get(where, 0)))
        else:
            epochs.setdefault(where, []).append(entry)
    for (sender, epoch), entries in epochs.items():
        found.setdefault(sender, []).append(_numbered(epoch, entries, through.get((sender, epoch), 0)))
    return found


def _numbered(epoch: int, entries: list[Told], through: int) -> Receipt:
    if len(entries) == 1 and entries[0].fate == "stored" and entries[0].seq is not None:
        return Receipt(epoch=epoch, through=through, stored=[entries[0].seq], held=[], refused=[])
    numbers = {e.seq: e for e in entries if e.seq is not None}
    fates: dict[Fate, list[int]] = {"stored": [], "held": [], "quarantined": []}
    for seq in sorted(numbers) if len(numbers) > 1 else numbers:
        fates[numbers[seq].fate].append(seq)
    refused = [Refusal(seq=seq, reason=numbers[seq].reason or "refused") for seq in fates["quarantined"]]
    return Receipt(epoch=epoch, through=through, stored=fates["stored"], held=fates["held"], refused=refused)


def _unnumbered(entry: Told, through: int) -> Receipt:
    named = entry.hash.hex()
    refused = [Refusal(hash=named, reason=entry.reason or "refused")] if entry.fate == "quarantined" else []
    return Receipt(epoch=entry.epoch, through=through, stored=[], held=[], refused=refused, hash=named, fate=entry.fate)
