"""The quick way of most readings: what crosses nothing and leaves no doubt needs no more than its place in the ledger.

Each statement here is a transaction by itself, so such readings cost one round trip instead of five (three when their
sender is new to us), and wait for no alert that came with them. Everything else, also of the same sender, takes the way
of `reading.handle`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from devices import receipts
from devices.arrivals import Disproved
from devices.intake import Candidate, Publish
from server.db.pool import Database, Db, Who
from server.flows import entering
from server.flows.by_heart import ByHeart, Recalled
from server.flows.entering import Came
from server.flows.reading import NOTHING, Outcome, may_cross, trouble
from server.monitoring import alarms


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the plain ones came to, and of each message of the batch whether it wants more."""

    outcome: Outcome
    wanting: list[bool]


async def take_in(
    database: Database, who: Who, batch: Sequence[Publish], now: datetime, cap: int, by_heart: ByHeart
) -> Taken:
    """Store the messages all of whose entries are plain; the others are untouched.

    All of them are when what we knew by heart was no longer so.
    """
    async with database.statements() as db:
        by = await by_heart.recall(db, batch, now, cap)
        understood = entering.understand(batch, by.known, now, cap)
        wanting = [not all(_plain(c, by) for c in found) for found in understood]
        plain = [c for found, wants in zip(understood, wanting, strict=True) if not wants for c in found]
        if not plain:
            return Taken(outcome=NOTHING, wanting=wanting)
        try:
            said = await entering.first(db, plain, by.names, now, by.proof(plain, now))
        except Disproved:
            by_heart.forget(publish.sender for publish in batch)
            return Taken(outcome=NOTHING, wanting=[True] * len(batch))
        by.brought(plain)
    return await _told(database, who, said, wanting, now)


def _plain(c: Candidate, by: Recalled) -> bool:
    """True when nothing but its row comes of it: stored, its time believed, and within every limit."""
    if c.fate != "stored" or c.clock is None or c.clock.basis != "device" or by.known.devices[c.about].skew:
        return False
    return not may_cross(c, by.by_metric)


async def _told(database: Database, who: Who, said: entering.First, wanting: list[bool], now: datetime) -> Taken:
    if said.repeated:
        async with database.transaction(who) as db:
            came = await _again(db, said, now)
    else:
        came = entering.all_new(said)
    settled, new, through = came
    counts = entering.counts(len(said.candidates), new)
    outcome = Outcome(receipts=receipts.receipts(settled, through), counts=counts, episodes=[])
    return Taken(outcome=outcome, wanting=wanting)


async def _again(db: Db, said: entering.First, now: datetime) -> Came:
    """Some came before. One number with two contents is an alarm, in the commit that enters the second."""
    came = await entering.beside(db, said, now)
    await alarms.raise_all(db, [alarm for c in came[1] for alarm in trouble(c)], now)
    return came
