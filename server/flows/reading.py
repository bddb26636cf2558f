"""What came in becomes readings, findings, alerts and pages, in one transaction; then its sender gets a receipt."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from devices import arrivals, intake, quality, quarantine, readings, receipts, registry, sequences, states
from devices.decoded import Entry, Refused
from devices.intake import Candidate, Known, Publish
from devices.meanings import meanings
from devices.readings import Reading
from devices.receipts import Receipt, Settled
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows.page import Told, page
from server.monitoring import alarms, alerts, findings, limits, rules
from server.monitoring.alarms import Alarm
from server.monitoring.alerts import Episode
from server.monitoring.limits import Limit
from server.monitoring.rules import Measured


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to. `receipts` by sender; `counts` by fate, duplicates included."""

    receipts: dict[str, list[Receipt]]
    counts: dict[str, int]
    episodes: list[Episode]


async def handle(db: Db, batch: Sequence[Publish], now: datetime, told: Told) -> Outcome:
    """Store what the batch says, judge it, and decide whom to tell: one transaction, opened by the caller."""
    candidates = await _understand(db, batch, now)
    through = await sequences.lock(db, _epochs(candidates))
    settled, new = await _settle(db, candidates, now)
    through = await sequences.advance(db, through, [(s.sender, s.epoch, s.seq) for s in settled])
    applying = await limits.of_patients(db, sorted({patient for c in new for patient in _patients(c)}))
    await _store(db, new, applying, now)
    episodes = await _judge(db, new, applying, now, told)
    await _account(db, candidates, settled, new, now)
    await tell(db, *_events(new, episodes))
    counts = Counter(c.fate for c in new)
    counts.update(received=len(candidates), duplicate=len(candidates) - len(new))
    return Outcome(receipts=receipts.receipts(settled, through), counts=counts, episodes=episodes)


async def refuse(db: Db, publish: Publish, reason: str, kept_as: uuid.UUID, now: datetime) -> Outcome:
    """Quarantine a whole message that broke its transaction; its sender is told and may forget it."""
    senders = await registry.devices(db, [publish.sender])
    known = Known(devices=senders, loans={})
    entry = Entry(raw=publish.payload, decoded=Refused(reason=reason))
    candidates = [intake.decide(publish, entry, known, now, kept_as)]
    settled, new = await _settle(db, candidates, now)
    await _store(db, new, {}, now)
    await _account(db, candidates, settled, new, now)
    return Outcome(receipts=receipts.receipts(settled, {}), counts={"received": 1, "quarantined": 1}, episodes=[])


async def _understand(db: Db, batch: Sequence[Publish], now: datetime) -> list[Candidate]:
    """Each entry of each message with its fate; two queries for the whole batch."""
    senders = await registry.devices(db, [p.sender for p in batch])
    taken = [(publish, intake.entries(publish, senders.get(publish.sender))) for publish in batch]
    named = {source for _, entries in taken for source in intake.sources(entries)} - set(senders)
    known = Known(
        devices={**senders, **(await registry.devices(db, sorted(named)) if named else {})},
        loans=await registry.loans(db, [*senders, *named]),
    )
    return [intake.decide(publish, entry, known, now, uuid7()) for publish, entries in taken for entry in entries]


def _epochs(candidates: Sequence[Candidate]) -> dict[sequences.Epoch, uuid.UUID]:
    return {
        (c.arrival.device_id, c.arrival.epoch): c.arrival.organization_id
        for c in candidates
        if c.arrival.organization_id is not None
    }


async def _settle(db: Db, candidates: Sequence[Candidate], now: datetime) -> tuple[list[Settled], list[Candidate]]:
    """The fate told for each candidate, in their order, and those that are new.

    The ledger decides: only what it did not have becomes a reading. A number that came before with other
    content is entered beside it under number and hash.
    """
    firsts = {c.arrival.where: c for c in reversed(candidates)}
    fresh = await arrivals.insert(db, [c.arrival for c in firsts.values()], now)
    new = {id(firsts[where]) for where in fresh}
    again = [c for c in candidates if id(c) not in new]
    before = await arrivals.earlier(db, sorted({c.arrival.where for c in again}))
    other = {
        id(c): intake.reused(c)
        for c in again
        if c.arrival.seq is not None and before[c.arrival.where].hash != c.arrival.hash
    }
    beside = {c.arrival.where: c for c in other.values()}
    fresh_beside = await arrivals.insert(db, [c.arrival for c in beside.values()], now)
    before |= await arrivals.earlier(db, sorted(set(beside) - fresh_beside))
    entered = [c for c in candidates if id(c) in new] + [beside[where] for where in sorted(fresh_beside)]
    first_fates = {c.arrival.where: (c.arrival.fate, c.arrival.reason) for c in entered}
    settled = []
    for candidate in candidates:
        chosen = other.get(id(candidate), candidate).arrival
        earlier = before.get(chosen.where)
        fate, reason = first_fates.get(chosen.where) or (earlier.fate, earlier.reason)  # type: ignore[union-attr]
        settled.append(
            Settled(
                sender=chosen.device_id, epoch=chosen.epoch, seq=chosen.seq, hash=chosen.hash, fate=fate, reason=reason,
            )
        )  # fmt: skip
    return settled, entered


async def _store(db: Db, new: Sequence[Candidate], applying: dict[uuid.UUID, list[Limit]], now: datetime) -> None:
    stored = [c for c in new if c.fate == "stored"]
    names = {patient: rules.judged_with(of_patient) for patient, of_patient in applying.items()}
    await readings.insert(db, [_reading(c, names, now) for c in stored])
    await quarantine.hold(db, [_held(c) for c in new if c.fate == "held"], now)
    await quarantine.quarantine(db, [_poison(c) for c in new if c.fate == "quarantined"], now)


def _reading(c: Candidate, names: dict[uuid.UUID, str], now: datetime) -> Reading:
    arrival, decoded, clock = c.arrival, c.decoded, c.clock
    assert arrival.organization_id and arrival.patient_id and decoded and clock
    return Reading(
        id=arrival.reading_id, organization_id=arrival.organization_id, patient_id=arrival.patient_id,
        kind=decoded.kind, measured_at=clock.measured_at, measured_at_raw=decoded.measured_at_raw,
        utc_offset_minutes=decoded.utc_offset_minutes, zone=c.zone,
        local_date=clock.measured_at.astimezone(ZoneInfo(c.zone)).date(), clock_basis=clock.basis, received_at=now,
        device_id=c.about, user_slot=decoded.user_slot, source="device", flags=decoded.flags, context=decoded.context,
        out_of_range=decoded.out_of_range, values=decoded.values, judged_with=names[arrival.patient_id],
    )  # fmt: skip


def _held(c: Candidate) -> quarantine.Held:
    assert c.arrival.organization_id and c.decoded and c.clock and c.arrival.reason
    return quarantine.Held(
        id=c.arrival.reading_id, organization_id=c.arrival.organization_id, device_id=c.about,
        patient_id=c.arrival.patient_id, kind=c.decoded.kind, measured_at=c.clock.measured_at, reason=c.arrival.reason,
        reading=msgspec.json.encode(c.decoded),
    )  # fmt: skip


def _poison(c: Candidate) -> quarantine.Poison:
    return quarantine.Poison(
        id=c.arrival.reading_id, organization_id=c.arrival.organization_id, device_id=c.arrival.device_id,
        topic=c.topic, payload=c.raw, reason=c.arrival.reason or "refused",
    )  # fmt: skip


async def _judge(
    db: Db, new: Sequence[Candidate], applying: dict[uuid.UUID, list[Limit]], now: datetime, told: Told
) -> list[Episode]:
    """Findings and alerts of what is new, and the pages they call for.

    Doubt is not silence: what is held is judged as every reading and every patient it could be.
    """
    judged = [measured for c in new for measured in _measured(c, now)]
    found = await findings.insert(db, rules.worst(rules.judge(judged, applying)), now)
    episodes = await alerts.record(db, found, now)
    await findings.attach(db, found, {(e.patient_id, e.rule_id): e.id for e in episodes})
    await page(db, episodes, found, {m.id: m.kind for m in judged}, now, told)
    return episodes


def _patients(c: Candidate) -> set[uuid.UUID]:
    """Whose reading it is, or whose it could be."""
    return {c.arrival.patient_id} if c.arrival.patient_id else {loan.patient_id for loan in c.possible}


def _measured(c: Candidate, now: datetime) -> list[Measured]:
    """The reading as it will be judged; several when it is in doubt, none when it is no reading."""
    decoded, clock, organization = c.decoded, c.clock, c.arrival.organization_id
    if decoded is None or clock is None or organization is None:
        return []
    meant = [decoded.values] if c.fate == "stored" else meanings(decoded)
    return [
        Measured(
            id=c.arrival.reading_id, organization_id=organization, patient_id=patient, kind=decoded.kind, values=values,
            out_of_range=decoded.out_of_range, measured_at=clock.measured_at,
            age=quality.age(decoded.kind, clock.measured_at, now), unconfirmed=c.fate == "held",
        )
        for patient in sorted(_patients(c))
        for values in meant
    ]  # fmt: skip


async def _account(
    db: Db, came: Sequence[Candidate], settled: Sequence[Settled], new: Sequence[Candidate], now: datetime
) -> None:
    """received = stored + duplicate + held + quarantined, per sender; and the trouble staff should know of."""
    received = Counter(s.sender for s in settled)
    organizations = {c.arrival.device_id: c.arrival.organization_id for c in came}
    tallies = [
        _tally(sender, organization, received[sender], [c for c in new if c.arrival.device_id == sender])
        for sender, organization in sorted(organizations.items())
        if organization is not None
    ]
    await states.count(db, tallies, now)
    await alarms.raise_all(db, [alarm for c in new for alarm in _trouble(c)], now)


def _tally(sender: str, organization: uuid.UUID, received: int, new: list[Candidate]) -> states.Tally:
    fates = Counter(c.fate for c in new)
    times = [c.clock.measured_at for c in new if c.clock is not None and c.fate == "stored"]
    return states.Tally(
        device_id=sender, organization_id=organization, stored=fates["stored"], held=fates["held"],
        quarantined=fates["quarantined"], duplicate=received - len(new), last_measured_at=max(times, default=None),
    )  # fmt: skip


SAYS = {
    "unassigned": "A reading came while nobody had this device on loan. Enter the loan, or take the device back.",
    "future_time": "This device's clock is more than a day ahead. Set its clock; the reading waits in the held queue.",
    "implausible": "A reading of this device cannot be right as it stands. It waits in the held queue.",
    "sequence_reused": "This device used one number for two readings: it was reset, or two devices share an id.",
    "quarantined": "Messages of this device cannot be understood. They are kept in quarantine with their reason.",
}


def _trouble(c: Candidate) -> list[Alarm]:
    kinds = ["quarantined"] if c.fate == "quarantined" else [c.arrival.reason] if c.arrival.reason else []
    if c.decoded is not None and "sequence_reused" in c.decoded.flags:
        kinds.append("sequence_reused")
    organization = c.arrival.organization_id
    if organization is None:
        return []
    return [
        Alarm(
            organization_id=organization, kind=kind, subject=c.about or c.arrival.device_id, severity="medium",
            says=SAYS.get(kind, SAYS["quarantined"]),
        )
        for kind in kinds
    ]  # fmt: skip


def _events(new: Sequence[Candidate], episodes: Sequence[Episode]) -> list[Event]:
    read = {(c.arrival.organization_id, c.arrival.patient_id) for c in new if c.arrival.patient_id is not None}
    changed = {e.organization_id for e in episodes} | {
        c.arrival.organization_id for c in new if c.fate != "stored" and c.arrival.organization_id is not None
    }
    events = [Event(topic="patient", organization=organization, patient=patient) for organization, patient in read]
    return events + [Event(topic="worklist", organization=organization) for organization in changed]
