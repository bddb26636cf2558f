"""Sets of entries whose outcome is known beforehand, delivered in any order, any number of times, in any batches.

What may depend on the order is left out on purpose. A reused number is in: both contents are kept and judged
whichever came first; only the flag `sequence_reused` and the key under which the ledger has them follow the order, and
neither is compared. Times in the future are out: a device whose clock runs ahead is learned from what came before.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from devices.intake import Publish
from devices.topics import topic
from server.db.pool import Database, Who
from server.flows import reading
from server.flows.page import Told
from tests.proofs import street
from tests.world import FIELD_KEY, NEVER_WAIT, World, lend_device

NOW = datetime.now(UTC)
BRIDGE = Who(principal="service:bridge")
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
ENTRIES = 14
Handle = Callable[..., Awaitable[Any]]


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, and what must become of it: whose it is, or whose it could be, and the rules it crosses."""

    sender: str
    raw: bytes
    epoch: int
    seq: int | None
    fate: str
    patient: uuid.UUID | None
    judged_for: tuple[uuid.UUID, ...]
    crosses: tuple[str, ...]

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reading can come from: (sender, fields it needs, whose it is at an age, whose it could be)."""

    sender: str
    fields: dict[str, Any]
    whose: Callable[[timedelta], uuid.UUID | None]
    could_be: tuple[uuid.UUID, ...] = ()
    known: bool = True


# (fields, fate, rules crossed): a doubtful number is judged as all it could mean
SHOWN: tuple[tuple[dict[str, Any], str, tuple[str, ...]], ...] = (
    ({"kind": "blood_pressure", "systolic": 128, "diastolic": 81}, "stored", ()),
    ({"kind": "blood_pressure", "systolic": 191, "diastolic": 101}, "stored", ("bp_high",)),
    ({"kind": "blood_pressure", "systolic": 84, "diastolic": 51, "pulse": 90}, "stored", ("bp_low",)),
    ({"kind": "blood_pressure", "systolic": 310, "diastolic": 124}, "held", ("bp_high",)),
    ({"kind": "blood_pressure", "systolic": 25.4, "diastolic": 16.2}, "held", ("bp_high",)),
    ({"kind": "glucose", "glucose": 112}, "stored", ()),
    ({"kind": "glucose", "glucose": 2.8, "unit": "mmol/L"}, "stored", ("glucose_low",)),
    ({"kind": "glucose", "glucose": 262}, "stored", ("glucose_high",)),
    ({"kind": "glucose", "glucose": "HI"}, "stored", ("glucose_high",)),
    ({"kind": "glucose", "glucose": 28}, "stored", ("glucose_low",)),  # far from their usual
    ({"kind": "glucose", "glucose": 12}, "held", ("glucose_low",)),  # and this is their usual in mmol/L
    ({"kind": "spo2", "spo2": 88}, "stored", ("spo2_low",)),
    ({"kind": "mood"}, "quarantined", ()),
)
# In doubt for another reason, these would be judged as a number of the other unit too: known, but not simply told.
PLAIN = tuple(one for one in SHOWN if one[0].get("glucose") not in {28, 262})
UNSET = ({}, {"measured_at": "1970-01-01T00:04:00Z"}, {"measured_at": "2000-01-01T00:00:00"})  # as old as their receipt
AGES = (  # live, late, historic
    (timedelta(minutes=1), timedelta(minutes=25)),
    (timedelta(hours=2), timedelta(hours=20)),
    (timedelta(hours=30), timedelta(days=6)),
)
RETURNED = timedelta(days=3)


USUAL = "INSERT INTO patient_baseline VALUES ($1, 'glucose_mgdl', $2, 118, 20, $3)"


async def settle_in(owner: Any, world: World) -> list[Place]:
    """Two patients whose usual glucose is known, with: a cuff, a shared cuff, one that changed hands, and a hub with two devices."""
    first, second = world.patient, await street.move_in(owner, world)
    since = NOW - timedelta(days=90)
    shared, passed_on, hub, meter, cuff = [
        (await lend_device(owner, world.organization, first, since))[0] for _ in range(5)
    ]
    await street.take_back(owner, shared, passed_on, hub, meter)
    await street.lend(owner, world, shared, first, since, slot=1)
    await street.lend(owner, world, shared, second, since, slot=2)
    await street.lend(owner, world, passed_on, first, since, NOW - RETURNED)
    await street.lend(owner, world, passed_on, second, NOW - RETURNED)
    await street.lend(owner, world, meter, second, since)
    await street.link(owner, hub, meter, cuff)
    for patient in (first, second):
        await owner.execute(USUAL, patient, world.organization, NOW)
    both = (first, second)
    return [
        Place(sender=world.device, fields={}, whose=lambda _: first),
        Place(sender=shared, fields={"user_slot": 1}, whose=lambda _: first),
        Place(sender=shared, fields={"user_slot": 2}, whose=lambda _: second),
        Place(sender=shared, fields={"user_slot": 3}, whose=lambda _: None, could_be=both),
        Place(sender=shared, fields={}, whose=lambda _: None, could_be=both),
        Place(sender=passed_on, fields={}, whose=lambda age: first if age > RETURNED else second),
        Place(sender=hub, fields={"source": meter}, whose=lambda _: second),
        Place(sender=hub, fields={"source": cuff}, whose=lambda _: first),
        Place(sender=hub, fields={"source": "stranger"}, whose=lambda _: None, known=False),
    ]


def things(places: Sequence[Place], seed: int) -> list[Thing]:
    """A set: several senders, epochs, slots and ages; with and without numbers, two of them used twice."""
    chance = random.Random(seed)
    made = [_thing(chance, chance.choice(places), {}, number) for number in range(1, ENTRIES + 1)]
    numbered = [thing for thing in made if thing.seq is not None]
    for again in chance.sample(numbered, 2):
        place = chance.choice([place for place in places if place.sender == again.sender])
        made.append(_thing(chance, place, {"seq": again.seq, "epoch": again.epoch}, again.seq or 0))
    return made


def _thing(chance: random.Random, place: Place, number: dict[str, Any], n: int) -> Thing:
    shown, fate, crosses = chance.choice(PLAIN if place.could_be else SHOWN)
    youngest, oldest = chance.choice(AGES)
    age = chance.uniform(youngest / oldest, 1) * oldest
    dated: dict[str, Any] = {"measured_at": (NOW - age).isoformat()}
    if chance.random() < 0.1:
        age, dated = timedelta(0), chance.choice(UNSET)
    number = number or ({} if chance.random() < 0.2 else {"seq": n, "epoch": chance.choice((0, 0, 1))})
    entry = {**number, **place.fields, **shown, **dated, "flags": [f"n{chance.random()}"]}
    patient = place.whose(age)
    if fate == "quarantined" or not place.known:
        fate, patient, crosses = "quarantined", None, ()
    elif patient is None:
        fate = "held"
    return Thing(
        sender=place.sender, raw=json.dumps(entry).encode(), epoch=number.get("epoch", 0), seq=number.get("seq"),
        fate=fate, patient=patient, judged_for=(patient,) if patient else place.could_be, crosses=crosses,
    )  # fmt: skip


def batches(these: Sequence[Thing], seed: int) -> list[list[Publish]]:
    """Each entry one to three times, shuffled; neighbours of one sender share messages, messages share batches."""
    chance = random.Random(seed)
    left = [thing for thing in these for _ in range(chance.choice((1, 1, 2, 3)))]
    chance.shuffle(left)
    messages = []
    while left:
        most, sender = chance.choice((1, 1, 2, 5)), left[0].sender
        together = [thing for thing in left if thing.sender == sender][:most]
        for thing in together:
            left.remove(thing)
        messages.append(message(together))
    cut: list[list[Publish]] = []
    while messages:
        most = chance.choice((1, 3, 6, 60))
        cut.append(messages[:most])
        messages = messages[most:]
    return cut


def message(together: Sequence[Thing]) -> Publish:
    raws = [thing.raw for thing in together]
    payload = raws[0] if len(raws) == 1 else b"[" + b",".join(raws) + b"]"
    return Publish(sender=together[0].sender, payload=payload, topic=topic(together[0].sender, "readings"))


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the database, without what cannot be the same twice (ids, times of arrival)."""

    kept: frozenset[Any]
    findings: frozenset[Any]
    evidence: frozenset[Any]

    def says(self) -> tuple[set[Any], set[Any], set[Any]]:
        """As `told` says it: (entry with fate and patient), (patient, rule, content) found, and as evidence."""
        return (
            {row[:6] for row in self.kept},
            {row[:3] for row in self.findings},
            {(row[0], row[2], row[3]) for row in self.evidence},
        )


def told(these: Sequence[Thing], rules: dict[str, uuid.UUID]) -> tuple[set[Any], set[Any], set[Any]]:
    """What must be there, known from how the set was made."""
    kept = {(t.sender, t.epoch, t.seq, t.hash, t.fate, t.patient) for t in these}
    found = {(patient, rules[code], t.hash) for t in these for patient in t.judged_for for code in t.crosses}
    return kept, found, found


KEPT = """
    SELECT a.device_id, a.epoch, a.seq, encode(a.hash, 'hex'), a.fate, a.patient_id, a.reason, a.measured_at,
           r.patient_id, r.device_id, r.kind, r.measured_at, r.local_date, r.user_slot, r.out_of_range, r.systolic_mmhg,
           r.diastolic_mmhg, r.pulse_bpm, r.glucose_mgdl, r.spo2_pct, r.judged_with, array_remove(r.flags, 'sequence_reused'), h.patient_id, h.reason, q.payload
      FROM arrival a LEFT JOIN reading r ON r.id = a.reading_id LEFT JOIN held h ON h.id = a.reading_id
      LEFT JOIN quarantine q ON q.id = a.reading_id
"""
FINDINGS = """
    SELECT f.patient_id, f.rule_id, encode(a.hash, 'hex'), f.rule_version_id, f.severity, f.metric, f.side, f.value,
           f.limit_value, f.age, f.measured_at
      FROM finding f LEFT JOIN arrival a ON a.reading_id::text = f.anchor WHERE f.superseded_at IS NULL
"""
EVIDENCE = """
    SELECT l.patient_id, u.code, f.rule_id, encode(a.hash, 'hex'), l.severity, l.age, l.unconfirmed, l.finding_count
      FROM alert l JOIN rule u ON u.id = l.rule_id
      JOIN finding f ON f.patient_id = l.patient_id AND f.alert_id = l.id
      JOIN finding_evidence e ON e.patient_id = f.patient_id AND e.finding_id = f.id
      LEFT JOIN arrival a ON a.reading_id = e.reading_id
"""


def hashable(row: Any) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)


class Undo(Exception):
    """Nothing of one order is left for the next."""


async def outcome(database: Database, order: Sequence[list[Publish]], handle: Handle = reading.handle) -> Seen:
    """Deliver it in one transaction, look, and undo it."""
    seen: Seen | None = None
    try:
        async with database.transaction(BRIDGE) as db:
            for batch in order:
                await handle(db, batch, NOW, TOLD)
            rows = [list(map(hashable, await db.fetch(query))) for query in (KEPT, FINDINGS, EVIDENCE)]
            assert all(len(set(of)) == len(of) for of in rows), "something is there twice"
            seen = Seen(**dict(zip(("kept", "findings", "evidence"), map(frozenset, rows), strict=True)))
            raise Undo
    except Undo:
        assert seen is not None
        return seen


ORDERS_OF_A_SET = 50


async def differing(
    seeds: Sequence[int], world: World, owner: Any, database: Database, handle: Handle = reading.handle
) -> list[int]:
    """The seeds whose outcome is not the first order's, or not what the set was made to give."""
    places, wrong, crossed = await settle_in(owner, world), [], 0
    for seed in seeds:
        if seed % ORDERS_OF_A_SET == 0:
            these = things(places, seed)
            first = await outcome(database, [[message([thing])] for thing in these])
            must = told(these, world.rules)
            crossed += len(first.findings)
        seen = await outcome(database, batches(these, seed), handle)
        if seen != first or seen.says() != must:
            wrong.append(seed)
    print(
        f"seeds {seeds[0]}-{seeds[-1]}: {len(wrong)} of {len(seeds)} orders differ {wrong[:5]}; {crossed} findings in all sets"
    )
    assert crossed, "sets in which nothing is found would prove nothing"
    return wrong
