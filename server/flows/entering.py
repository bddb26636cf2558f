"""What came is understood with what is known of its senders, and enters the ledger: the beginning of every reading."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from devices import arrivals, intake, registry
from devices.arrivals import Entered, Epoch, Proof
from devices.decoded import DecodedReading
from devices.intake import Candidate, Publish
from devices.receipts import Settled
from devices.registry import Known
from server.db.events import CHANNEL, Event, encoded
from server.db.ids import uuid7s
from server.db.pool import Db
from server.monitoring import limits, rules
from server.monitoring.limits import Limit

Applying = Mapping[uuid.UUID, Sequence[Limit]]  # the limits of each patient
Came = tuple[list[Settled | Candidate], list[Candidate], dict[Epoch, int]]


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch is understood and judged with; `names` of rule sets by patient, as in `judged_with`."""

    known: Known
    applying: Applying
    names: Mapping[uuid.UUID, str]


class First(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger said of candidates. `firsts`: each key's first one; `names` as in `judged_with`."""

    candidates: Sequence[Candidate]
    firsts: Mapping[intake.Key, Candidate]
    names: Mapping[uuid.UUID, str]
    entered: Entered

    @property
    def repeated(self) -> bool:
        """True when any came before, or twice in this batch."""
        return bool(self.entered.before) or len(self.firsts) < len(self.candidates)


async def ask(db: Db, batch: Sequence[Publish], now: datetime) -> Knowledge:
    """Who speaks in this batch, and by which limits their patients are judged."""
    known = await registry.known(db, {p.sender for p in batch}, now.date())
    applying = await limits.of_patients(db, sorted(known.patients), now)
    return Knowledge(known=known, applying=applying, names=rules.names(applying))


def understand(batch: Sequence[Publish], known: Known, now: datetime, cap: int) -> list[list[Candidate]]:
    """Each entry of each message with its fate."""
    found = []
    came: Counter[str] = Counter()
    ids = uuid7s()
    for publish in batch:
        sender = known.devices.get(publish.sender)
        entries = intake.entries(publish, sender)
        came[publish.sender] += len(entries)
        flood = sender is not None and known.today[publish.sender] + came[publish.sender] > cap
        of_message = []
        for entry in entries:
            if sender is not None and flood and isinstance(entry.decoded, DecodedReading):
                of_message.append(intake.refused(publish, entry, entry.decoded, next(ids), sender, "daily_cap"))
            else:
                of_message.append(intake.decide(publish, entry, known, now, next(ids)))
        found.append(of_message)
    return found


async def enter(db: Db, candidates: Sequence[Candidate], names: Mapping[uuid.UUID, str], now: datetime) -> Came:
    """The fate told for each candidate, in their order; those that are new; how far each epoch is settled.

    The ledger decides: only what it did not have becomes a reading. A number that came before with other
    content is entered beside it under number and hash.
    """
    said = await first(db, candidates, names, now)
    return await beside(db, said, now) if said.repeated else all_new(said)


async def first(
    db: Db, candidates: Sequence[Candidate], names: Mapping[uuid.UUID, str], now: datetime,
    proof: Proof | None = None,
) -> First:  # fmt: skip
    """Enter each key once: one statement, whole by itself, which enters nothing when the `proof` fails."""
    firsts = {c.where: c for c in reversed(candidates)}
    times = Counter(c.where for c in candidates) if len(firsts) < len(candidates) else None
    news = encoded(read_events(candidates))  # also of what came before: to look again is harmless
    entered = await arrivals.enter(db, list(firsts.values()), times, names, now, (CHANNEL, news), proof)
    return First(candidates=candidates, firsts=firsts, names=names, entered=entered)


def all_new(said: First) -> Came:
    """Nothing came before: each candidate's own fate is the one that is told."""
    return list(said.candidates), list(said.candidates), said.entered.through


async def beside(db: Db, said: First, now: datetime) -> Came:
    """What came before keeps its first fate; where the content is another, it is entered beside it."""
    candidates, entered = said.candidates, said.entered
    new = {c.where: c for c in said.firsts.values() if c.reading_id not in entered.before}
    before = await arrivals.earlier(db, sorted(said.firsts))
    others = {
        one.where: one
        for one in (intake.reused(c) for c in candidates if c.seq is not None and before[c.where].hash != c.hash)
    }
    if others:
        again = await arrivals.enter(db, list(others.values()), dict.fromkeys(others, 0), said.names, now)
        entered.through.update(again.through)
        before |= await arrivals.earlier(db, sorted(others))
        new |= {where: c for where, c in others.items() if c.reading_id not in again.before}
    return [_settled(c, before) for c in candidates], list(new.values()), entered.through


def _settled(c: Candidate, before: Mapping[intake.Key, arrivals.Earlier]) -> Settled:
    """What its sender is told: the fate it had when it first came."""
    came = before[c.where]
    if c.seq is not None and came.hash != c.hash:
        came = before[intake.reused(c).where]
    return Settled(sender=c.sender, epoch=c.epoch, seq=c.seq, hash=c.hash, fate=came.fate, reason=came.reason)


def counts(came: int, new: Sequence[Candidate]) -> dict[str, int]:
    """By fate, beside what was received and what of it had come before."""
    by_fate: Counter[str] = Counter(c.fate for c in new)
    by_fate.update(received=came, duplicate=came - len(new))
    return dict(by_fate)


MANY = 50  # patients of one organization: from here on one event says "look again" to whoever looks at any of them


def read_events(candidates: Sequence[Candidate]) -> list[Event]:
    """Whose readings open pages should look at again."""
    read: dict[uuid.UUID, set[uuid.UUID]] = {}
    for c in candidates:
        if c.organization_id is not None and c.patient_id is not None:
            read.setdefault(c.organization_id, set()).add(c.patient_id)
    told = []
    for organization, patients in read.items():
        named = sorted(patients) if len(patients) < MANY else [None]
        told += [Event(topic="patient", organization=organization, patient=patient) for patient in named]
    return told
