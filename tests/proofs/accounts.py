"""The sender's own ledger against ours: what was sent, counted per entry, and what became of it."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from devices import formats
from devices.decoded import Entry
from devices.formats import CONTENT_TYPES, DECODERS
from tests.proofs import street, vendors
from tests.world import World

TYPE_OF = {name: content_type for content_type, name in CONTENT_TYPES.items()}
Receipts = Sequence[dict[str, Any]]


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends one format: named by the content type where there is one, else by the device's model."""

    id: str
    password: str
    format: str

    @property
    def content_type(self) -> str | None:
        return TYPE_OF.get(self.format)


async def senders(owner: Any, world: World) -> list[Sender]:
    """One for each format, each with the devices that its samples name; all lent to the world's patient.

    A vendor's account sends that vendor's, one native device sends whatever a content type names, and the rest
    have a model of their own.
    """
    passwords: dict[str, str] = {}
    made, known = [], set[str]()
    for name in sorted(DECODERS):
        typed = name in TYPE_OF
        device = f"vendor-{name}" if name in formats.VENDORS else "sends-anything" if typed else f"sends-{name}"
        if device not in passwords:
            model = "native" if typed else name
            passwords[device] = await street.register(owner, world, device, lent_to=world.patient, format_name=model)
        for source in sorted(vendors.sources(name) - known):
            await street.register(owner, world, source, lent_to=world.patient, hub=device)
            known.add(source)
        made.append(Sender(id=device, password=passwords[device], format=name))
    return made


class Ledger:
    """What a sender knows: how many entries it sent, and whether each was named by a receipt."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.messages = 0
        self.unnamed: list[bytes] = []
        self.refused_whole = 0

    def note(self, sender: Sender, payload: bytes, receipts: Receipts) -> None:
        """Receipts name entries by number and epoch, or by hash; one that broke its transaction counts as one."""
        self.messages += 1
        if whole(receipts):
            self.sent[sender.id] += 1
            self.refused_whole += 1
            return
        entries = formats.decode(payload, sender.format)
        self.sent[sender.id] += len(entries)
        named = {name for receipt in receipts for name in names(receipt)}
        self.unnamed += [payload] * any(name_of(entry) not in named for entry in entries)


def whole(receipts: Receipts) -> bool:
    reasons = [refusal["reason"] for receipt in receipts for refusal in receipt["refused"]]
    return reasons == ["database_refused"]


def names(receipt: dict[str, Any]) -> set[Any]:
    if "hash" in receipt:
        return {receipt["hash"]}
    numbers = [*receipt["stored"], *receipt["held"], *(refusal["seq"] for refusal in receipt["refused"])]
    return {(receipt["epoch"], number) for number in numbers}


def name_of(entry: Entry) -> Any:
    decoded = entry.decoded
    return hashlib.sha256(entry.raw).hexdigest() if decoded.seq is None else (decoded.epoch, decoded.seq)


ACCOUNTS = """
    SELECT s.device_id, s.received_count AS received, s.stored_count AS stored, s.duplicate_count AS duplicate,
           s.held_count AS held, s.quarantined_count AS quarantined, count(a.key) AS arrivals,
           count(r.id) FILTER (WHERE a.fate = 'stored') AS readings, count(h.id) FILTER (WHERE a.fate = 'held') AS waiting,
           count(q.id) FILTER (WHERE a.fate = 'quarantined') AS kept
      FROM device_state s JOIN arrival a ON a.device_id = s.device_id
      LEFT JOIN reading r ON r.id = a.reading_id
      LEFT JOIN held h ON h.id = a.reading_id
      LEFT JOIN quarantine q ON q.id = a.reading_id
     GROUP BY s.device_id
"""


async def wrong(owner: Any, sent: Counter[str]) -> dict[str, dict[str, int]]:
    """Senders whose accounts are not exact, with their figures: counts, rows and the sender's own word."""
    found, seen = {}, set()
    for row in await owner.fetch(ACCOUNTS):
        device, *_ = row
        seen.add(device)
        adds_up = row["received"] == row["stored"] + row["duplicate"] + row["held"] + row["quarantined"]
        rows = (row["stored"], row["held"], row["quarantined"]) == (row["readings"], row["waiting"], row["kept"])
        if not (
            adds_up and rows and row["received"] == sent[device] and row["duplicate"] == sent[device] - row["arrivals"]
        ):
            found[device] = {"sent": sent[device], **dict(row)}
    return found | {device: {"sent": count} for device, count in sent.items() if device not in seen}
