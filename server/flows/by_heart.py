"""Who has which device and by which limits they are judged, known from batch to batch, and proved by each.

To ask is two of three round trips, and half of a small batch's time. So what was told is remembered, with fingerprints
of the rows it was read from; and the statement that stores asks the same again, in its own snapshot, and stores nothing
when the sum of their fingerprints is another. Nobody has to say that something changed, and nothing is stored by what
was true a moment ago.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from devices import registry
from devices.arrivals import Proof
from devices.intake import Candidate, Publish
from devices.registry import Known, Registered
from server.db.pool import Db
from server.monitoring import limits, rules
from server.monitoring.limits import Judged, Limit

MOST = 50_000  # senders: some hundred megabytes; then it begins anew


class Whom(msgspec.Struct, frozen=True):
    """One patient: by what they are judged, as stored with each reading and as looked up for it."""

    judged: Judged
    name: str
    by_metric: Mapping[str, Sequence[Limit]]


class OfSender(msgspec.Struct):
    """A sender's device and those it is the hub of, everybody who had one of them, and what it brought that day."""

    devices: Mapping[str, Registered]
    patients: Mapping[uuid.UUID, Whom]
    day: date
    came: int


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch is understood with; what two of its senders share is the same for both."""

    senders: Mapping[str, OfSender]
    devices: Mapping[str, Registered]
    patients: Mapping[uuid.UUID, Whom]
    known: Known
    names: Mapping[uuid.UUID, str]
    by_metric: Mapping[uuid.UUID, Mapping[str, Sequence[Limit]]]

    def brought(self, entered: Iterable[Candidate]) -> None:
        """The ledger has counted these for their senders."""
        for one in entered:
            self.senders[one.sender].came += 1

    def proof(self, candidates: Sequence[Candidate], now: datetime) -> Proof:
        """That all of this is still so where these are stored, as far as they rest on it.

        They rest on what is known of their senders and devices, and of whoever else brings readings of their patients.
        """
        named = {c.sender for c in candidates} | {c.about for c in candidates if c.about in self.senders}
        people = {patient for sender in named for patient in self.senders[sender].patients}
        senders = [
            sender for sender, one in self.senders.items() if sender in named or not people.isdisjoint(one.patients)
        ]
        devices = [self.devices[name] for name in {name for one in senders for name in self.senders[one].devices}]
        people = {loan.patient_id for device in devices for loan in device.loans}
        judged = [self.patients[patient].judged for patient in people]
        levels = {level for one in judged for level in one.programmes.items()}
        total = sum(one.fingerprint for one in devices) + sum(one.fingerprint for one in judged)
        total += sum(fingerprint for _, fingerprint in levels)
        return Proof(senders=senders, patients=list(people), at=now, fingerprints=total)


class ByHeart:
    """What one bridge remembers. It may be wrong: what rests on it is stored with its `proof`, or not at all."""

    def __init__(self) -> None:
        self._senders: dict[str, OfSender] = {}

    async def recall(self, db: Db, batch: Sequence[Publish], now: datetime, cap: int) -> Recalled:
        """Of everybody in the batch; the database is asked for those who are new to us."""
        of = {publish.sender: self._known(publish.sender, now.date(), cap) for publish in batch}
        missing = {sender for sender, one in of.items() if one is None}
        if missing:
            of |= await self._learned(db, missing, now)
        return _recalled({sender: one for sender, one in of.items() if one is not None})

    def forget(self, senders: Iterable[str]) -> None:
        for sender in senders:
            self._senders.pop(sender, None)

    def _known(self, sender: str, today: date, cap: int) -> OfSender | None:
        """Who brought half of what a day may bring is asked about each time: they may come by other doors too."""
        one = self._senders.get(sender)
        return one if one is not None and one.day == today and 2 * one.came <= cap else None

    async def _learned(self, db: Db, senders: Collection[str], now: datetime) -> dict[str, OfSender]:
        """Those of them that are registered."""
        found = await registry.registered(db, senders, now.date())
        judged = await limits.judged(db, sorted({loan.patient_id for one in found for loan in one.loans}), now)
        applying = {patient: one.limits for patient, one in judged.items()}
        names, by_metric = rules.names(applying), rules.grouped(applying)
        whom = {patient: Whom(one, names[patient], by_metric[patient]) for patient, one in judged.items()}
        mine: dict[str, dict[str, Registered]] = {one.device.id: {} for one in found if one.device.id in senders}
        for one in found:
            for sender in (one.device.id, one.device.hub_id):
                if sender in mine:
                    mine[sender][one.device.id] = one
        learned = {sender: _of_sender(sender, devices, whom, now.date()) for sender, devices in mine.items()}
        if len(self._senders) > MOST:
            self._senders.clear()
        self._senders |= learned
        return learned


def _of_sender(sender: str, devices: Mapping[str, Registered], whom: Mapping[uuid.UUID, Whom], day: date) -> OfSender:
    patients = {loan.patient_id for one in devices.values() for loan in one.loans}
    return OfSender(
        devices=devices, patients={patient: whom[patient] for patient in patients}, day=day, came=devices[sender].today
    )


def _recalled(senders: dict[str, OfSender]) -> Recalled:
    devices: dict[str, Registered] = {}
    patients: dict[uuid.UUID, Whom] = {}
    for one in senders.values():
        devices.update(one.devices)
        patients.update(one.patients)
    known = msgspec.structs.replace(
        registry.gathered(devices.values()), today={sender: one.came for sender, one in senders.items()}
    )
    return Recalled(
        senders=senders, devices=devices, patients=patients, known=known,
        names={patient: one.name for patient, one in patients.items()},
        by_metric={patient: one.by_metric for patient, one in patients.items()},
    )  # fmt: skip
