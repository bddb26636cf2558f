"""A mended decoder's second chance: what lies in quarantine and can be read now becomes readings, once, by a person.

Today's decoders, devices and loans decide; the time it came stays. It is judged by its age now. What arrived, and its
fate then, never change: received = stored + duplicate + held + quarantined stays true for every device. There is no
undo, since a reading is never removed.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from devices import intake, readings, registry, second_look
from devices.intake import Candidate
from devices.readings import Reading
from devices.registry import Known
from devices.second_look import Waiting
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.errors import Conflict, NotFound, Refused
from server.flows import reading as coming
from server.flows.answering import answering, subject_of
from server.flows.page import Told
from server.monitoring import limits, rules
from server.security import audit
from server.security.sessions import Person

Ledger = dict[intake.Key, tuple[bytes, uuid.UUID]]
ACTION = "quarantine.decode"
AT_ONCE = 200  # a person waits for the page
GONE = "There is no such item, or it was settled already, or its bytes are gone. Go back to the queues."
FIRST = "Somebody settled this already. Nothing was changed."


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What an item would become. `known`: entries under a ledger's row of their own; `new`: those it does not have.

    `again`: what the patient's record or the ledger has already; `refused`: what still cannot be read.
    """

    waiting: Waiting
    registry: Known
    known: Sequence[Candidate]
    new: Sequence[Candidate]
    again: Sequence[Candidate]
    refused: Sequence[Candidate]

    @property
    def kept(self) -> list[Candidate]:
        return [*self.known, *self.new]

    @property
    def readable(self) -> bool:
        return bool(self.known or self.new or self.again)

    @property
    def counts(self) -> Counter[str]:
        counted: Counter[str] = Counter(c.fate for c in self.kept)
        counted.update(again=len(self.again), refused=len(self.refused))
        return +counted


async def look(db: Db, items: Sequence[Waiting], now: datetime) -> list[Look]:
    """What each would become if it were decoded again now; changes nothing."""
    registered = await registry.known(db, {one.device_id for one in items}, now.date())
    taken = [(one, _candidates(one, registered)) for one in items]
    read = [c for _, candidates in taken for c in candidates if c.fate != "quarantined"]
    ledger, stored = await second_look.ledger(db, read), await second_look.stored(db, read)
    return [_look(one, registered, candidates, ledger, stored) for one, candidates in taken]


def _candidates(waiting: Waiting, registered: Known) -> list[Candidate]:
    """Its entries with their fates; the first that can be read takes the id the arrival names."""
    publish, free = waiting.publish, True
    found = []
    for entry in second_look.entries(waiting, registered.devices.get(waiting.device_id)):
        c = intake.decide(publish, entry, registered, waiting.received_at, uuid7())
        if free and c.fate != "quarantined":
            c, free = msgspec.structs.replace(c, reading_id=waiting.id), False
        found.append(c)
    return found


def _look(
    waiting: Waiting, registered: Known, candidates: Iterable[Candidate], ledger: Ledger,
    stored: set[second_look.Shown],
) -> Look:  # fmt: skip
    known: list[Candidate] = []
    new: list[Candidate] = []
    again: list[Candidate] = []
    refused: list[Candidate] = []
    for entry in candidates:
        c, under = _entered(entry, ledger, waiting)
        if c.fate == "quarantined":
            refused.append(c)
        elif second_look.shows(c) in stored or (under is not None and under[1] != waiting.id):
            again.append(c)
        else:
            (new if under is None else known).append(c)
    return Look(waiting=waiting, registry=registered, known=known, new=new, again=again, refused=refused)


def _entered(c: Candidate, ledger: Ledger, waiting: Waiting) -> tuple[Candidate, tuple[bytes, uuid.UUID] | None]:
    """The entry with the row the ledger has under its key; beside it when its number stands for something else."""
    under = ledger.get(c.where)
    if under is None or under[1] == waiting.id or under[0] == c.hash:
        return c, under
    beside = intake.reused(c)
    return beside, ledger.get(beside.where)


async def again(database: Database, person: Person, poison_id: uuid.UUID, now: datetime, told: Told) -> Look:
    """Decode one item again and keep what can be read. `Conflict` when somebody settled it meanwhile."""
    try:
        async with answering(database, person, ACTION, poison_id, now) as db:
            waiting = await second_look.one(db, poison_id)
            if waiting is None:
                raise NotFound(GONE)
            (seen,) = await look(db, [waiting], now)
            await (_keep(db, person, seen, now, told) if seen.readable else _in_vain(db, person, seen, now))
            return seen
    except (asyncpg.DataError, asyncpg.UniqueViolationError):
        async with database.transaction(person.who) as db:
            await second_look.in_vain(db, poison_id, "database_refused", now)
        raise Conflict("The database refuses what stands in it. It stays in quarantine.") from None


async def again_alike(
    database: Database, person: Person, device: str, reason: str, now: datetime, told: Told
) -> Counter[str]:
    """The same for those of one device and reason, at most `AT_ONCE`; each in a transaction of its own.

    Counts items: `decoded`, `still` (cannot be read), `gone` (somebody else settled it).
    """
    async with database.transaction(person.who) as db:
        items = await second_look.alike(db, device, reason, AT_ONCE)
    done: Counter[str] = Counter()
    for one in items:
        try:
            seen = await again(database, person, one.id, now, told)
        except (Conflict, NotFound):
            done["gone"] += 1
        else:
            done["decoded" if seen.readable else "still"] += 1
    return done


async def _keep(db: Db, person: Person, seen: Look, now: datetime, told: Told) -> None:
    waiting = seen.waiting
    if not await second_look.claim(db, waiting.id, _staff(person), in_words(seen.counts), now):
        raise Conflict(FIRST)
    entered = await second_look.enter(db, seen.new, waiting.received_at)
    kept = [*seen.known, *(c for c in seen.new if c.reading_id in entered)]
    applying = await limits.of_patients(db, sorted(seen.registry.patients), now)
    names = rules.names(applying)
    await readings.insert(db, [_reading(c, waiting, names) for c in kept if c.fate == "stored"])
    await coming.keep_doubtful(db, [*kept, *seen.refused], waiting.received_at)
    episodes = await coming.judge(db, kept, seen.registry, applying, now, told)
    await _note(db, person, seen, now)
    await tell(db, *coming.events(kept, episodes))


async def _in_vain(db: Db, person: Person, seen: Look, now: datetime) -> None:
    await second_look.in_vain(db, seen.waiting.id, seen.refused[0].reason or "refused", now)
    await _note(db, person, seen, now)


def _reading(c: Candidate, waiting: Waiting, names: dict[uuid.UUID, str]) -> Reading:
    decoded, clock = c.decoded, c.clock
    assert c.organization_id and c.patient_id and decoded and clock
    return Reading(
        id=c.reading_id, organization_id=c.organization_id, patient_id=c.patient_id, kind=decoded.kind,
        measured_at=clock.measured_at, measured_at_raw=decoded.measured_at_raw,
        utc_offset_minutes=decoded.utc_offset_minutes, zone=c.zone,
        local_date=clock.measured_at.astimezone(ZoneInfo(c.zone)).date(), clock_basis=clock.basis,
        received_at=waiting.received_at, device_id=c.about, user_slot=decoded.user_slot, source="device",
        flags=(*decoded.flags, *clock.flags, "decoded_again"), context=decoded.context,
        out_of_range=decoded.out_of_range, values=decoded.values, judged_with=names[c.patient_id],
    )  # fmt: skip


WORDS = {
    "stored": ("reading kept", "readings kept"),
    "held": ("held for a person", "held for a person"),
    "again": ("had come already", "had come already"),
    "refused": ("still cannot be read", "still cannot be read"),
}


def in_words(counts: Counter[str]) -> str:
    """ "2 readings kept, 1 held for a person"; no health data."""
    return ", ".join(f"{counts[what]} {words[counts[what] > 1]}" for what, words in WORDS.items() if counts[what])


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("The queues are answered by the care team.")
    return person.staff_id


async def _note(db: Db, person: Person, seen: Look, now: datetime) -> None:
    detail = {
        "device": seen.waiting.device_id, "reason": seen.waiting.reason, **seen.counts,
        "patients": sorted({str(c.patient_id) for c in seen.kept if c.patient_id}),
    }  # fmt: skip
    subject = subject_of(ACTION, seen.waiting.id)
    await audit.note(db, person.who, person.organization, ACTION, subject, now, detail=detail)
    await tell(db, Event(topic="worklist", organization=person.organization))
