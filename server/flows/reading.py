"""What came in becomes readings, findings, alerts and pages, in one transaction; then its sender gets a receipt."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from devices import clocks, intake, quality, quarantine, receipts, registry
from devices.clocks import Observation
from devices.decoded import Entry, Refused
from devices.intake import DAILY_CAP, Candidate, Publish
from devices.meanings import meanings
from devices.receipts import Receipt
from devices.registry import Known
from server.db.events import Event, tell
from server.db.pool import Db
from server.flows import entering
from server.flows.clock import compare
from server.flows.entering import Applying
from server.flows.nobodys import crises
from server.flows.page import Told, page
from server.monitoring import alarms, alerts, findings, returns, rules
from server.monitoring.alarms import Alarm
from server.monitoring.alerts import Episode
from server.monitoring.limits import Limit
from server.monitoring.rules import Measured


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to. `receipts` by sender; `counts` by fate, duplicates included."""

    receipts: dict[str, list[Receipt]]
    counts: dict[str, int]
    episodes: list[Episode]


NOTHING = Outcome(receipts={}, counts={}, episodes=[])


async def handle(db: Db, batch: Sequence[Publish], now: datetime, told: Told, cap: int = DAILY_CAP) -> Outcome:
    """Store what the batch says, judge it, and decide whom to tell: one transaction, opened by the caller."""
    by = await entering.ask(db, batch, now)
    known = by.known
    candidates = [c for of_message in entering.understand(batch, known, now, cap) for c in of_message]
    settled, new, through = await entering.enter(db, candidates, by.names, now)
    await keep_doubtful(db, new, now)
    episodes = await judge(db, new, known, by.applying, now, told)
    await compare(db, _compared(new, known, now), now)
    await alarms.raise_all(db, [alarm for c in new for alarm in trouble(c)], now)
    await returns.cry(db, await crises(db, new, now), now)
    await tell(db, *_worklists(new, episodes))
    counts = entering.counts(len(candidates), new)
    return Outcome(receipts=receipts.receipts(settled, through), counts=counts, episodes=episodes)


async def refuse(db: Db, publish: Publish, reason: str, kept_as: uuid.UUID, now: datetime) -> Outcome:
    """Quarantine a whole message that broke its transaction; its sender is told and may forget it."""
    known = await registry.known(db, [publish.sender], now.date())
    refused = Refused(reason=reason)
    entry = Entry(raw=publish.payload, decoded=refused)
    candidates = [intake.quarantined(publish, entry, refused, kept_as, known.devices.get(publish.sender))]
    settled, new, through = await entering.enter(db, candidates, {}, now)
    await keep_doubtful(db, new, now)
    counts = {"received": 1, "quarantined": 1}
    return Outcome(receipts=receipts.receipts(settled, through), counts=counts, episodes=[])


def _compared(new: Sequence[Candidate], known: Known, now: datetime) -> list[Observation]:
    """What new readings say of clocks: only one whose time was not simply believed can say anything."""
    found = []
    for c in new:
        if c.decoded is None or c.clock is None:
            continue
        skew = known.devices[c.about].skew
        if c.clock.basis != "device" or skew:
            zone = ZoneInfo(c.zone) if c.patient_id else None
            one = clocks.of_reading(c.about, c.decoded, zone, now, skew)
            found += [one] if one else []
    return found


async def keep_doubtful(db: Db, new: Sequence[Candidate], now: datetime) -> None:
    """What is no reading yet: held for a person, or kept byte for byte."""
    await quarantine.hold(db, [_held(c) for c in new if c.fate == "held"], now)
    await quarantine.quarantine(db, [_poison(c) for c in new if c.fate == "quarantined"], now)


def _held(c: Candidate) -> quarantine.Held:
    assert c.organization_id and c.decoded and c.clock and c.reason
    return quarantine.Held(
        id=c.reading_id, organization_id=c.organization_id, device_id=c.about, patient_id=c.patient_id,
        kind=c.decoded.kind, measured_at=c.clock.measured_at, reason=c.reason,
        reading=msgspec.json.encode(c.decoded),
    )  # fmt: skip


def _poison(c: Candidate) -> quarantine.Poison:
    return quarantine.Poison(
        id=c.reading_id, organization_id=c.organization_id, device_id=c.sender, topic=c.topic, payload=c.raw,
        reason=c.reason or "refused", content_type=c.content_type,
    )  # fmt: skip


async def judge(
    db: Db, new: Sequence[Candidate], known: Known, applying: Applying, now: datetime, told: Told
) -> list[Episode]:
    """Findings and alerts of what is new, and the pages they call for.

    Doubt is not silence: what is held is judged as every reading and every patient it could be.
    """
    by_metric = rules.grouped(applying)
    judged = [measured for c in new if may_cross(c, by_metric) for measured in _measured(c, known, now)]
    found = rules.worst(rules.judge(judged, applying))
    if not found:
        return []
    episodes = await alerts.record(db, found, now)  # first: of readings that are new, every finding is
    await findings.insert(db, found, now, {(e.patient_id, e.rule_id): e.id for e in episodes})
    await page(db, episodes, found, {m.id: m.kind for m in judged}, now, told)
    return episodes


def may_cross(c: Candidate, by_metric: Mapping[uuid.UUID, Mapping[str, Sequence[Limit]]]) -> bool:
    """False for what is stored and crosses nothing: most readings, and this is the one path all of them take."""
    if c.fate != "stored" or c.decoded is None or c.patient_id is None or c.decoded.out_of_range is not None:
        return True
    return rules.crosses(c.decoded.values, by_metric[c.patient_id])


def _patients(c: Candidate) -> set[uuid.UUID]:
    """Whose reading it is, or whose it could be."""
    return {c.patient_id} if c.patient_id else {loan.patient_id for loan in c.possible}


def _measured(c: Candidate, known: Known, now: datetime) -> list[Measured]:
    """The reading as it will be judged; several when it is in doubt, none when it is no reading."""
    decoded, clock, organization = c.decoded, c.clock, c.organization_id
    if decoded is None or clock is None or organization is None:
        return []
    return [
        Measured(
            id=c.reading_id, organization_id=organization, patient_id=patient, kind=decoded.kind, values=values,
            out_of_range=decoded.out_of_range, measured_at=clock.measured_at,
            age=quality.age(decoded.kind, clock, now, decoded.backlog), unconfirmed=c.fate == "held",
        )
        for patient in sorted(_patients(c))
        for values in (
            [decoded.values] if c.fate == "stored" else meanings(decoded, known.baselines.get(patient))
        )
    ]  # fmt: skip


SAYS = {
    "unassigned": "A reading came while nobody had this device on loan. Enter the loan, or take the device back.",
    "future_time": "This device's clock is more than a day ahead. Set its clock; the reading waits in the held queue.",
    "unit_doubt": "A reading looks as if in another unit than usual. It waits in the held queue.",
    "implausible": "A reading of this device cannot be right as it stands. It waits in the held queue.",
    "sequence_reused": "This device used one number for two readings: it was reset, or two devices share an id.",
    "daily_cap": "This device sends more readings in a day than any home measures. What comes above is in quarantine.",
    "quarantined": "Messages of this device cannot be understood. They are kept in quarantine with their reason.",
}


def trouble(c: Candidate) -> list[Alarm]:
    """What is wrong with its sender, for whoever looks after devices."""
    if c.fate == "stored" and not (c.decoded and c.decoded.flags):
        return []
    kinds = [c.reason] if c.reason else []
    if c.fate == "quarantined" and c.reason != "daily_cap":
        kinds = ["quarantined"]
    if c.decoded is not None and "sequence_reused" in c.decoded.flags:
        kinds.append("sequence_reused")
    organization = c.organization_id
    if organization is None:
        return []
    return [
        Alarm(organization_id=organization, kind=kind, subject=c.about, severity="medium", says=SAYS[kind])
        for kind in kinds
    ]


def events(new: Sequence[Candidate], episodes: Sequence[Episode]) -> list[Event]:
    """What open pages should look at again."""
    return entering.read_events(new) + _worklists(new, episodes)


def _worklists(new: Sequence[Candidate], episodes: Sequence[Episode]) -> list[Event]:
    changed = {e.organization_id for e in episodes}
    changed |= {c.organization_id for c in new if c.fate != "stored" and c.organization_id is not None}
    return [Event(topic="worklist", organization=organization) for organization in changed]
