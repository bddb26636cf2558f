"""One entry's fate, decided once and purely: whose it is, when it was, stored, held or quarantined."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from devices import formats, quality, registry
from devices.decoded import DecodedReading, Entry, Refused
from devices.registry import Device, Known, Loan

Fate = Literal["stored", "held", "quarantined"]
Key = tuple[str, int, str]  # (sender, epoch, sequence number or hash)
DAILY_CAP = 20_000  # entries of one sender and UTC day; a home's cuff sends ten


class Publish(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as it came, over MQTT or HTTP. `sender` is whose credentials brought it."""

    sender: str
    payload: bytes
    topic: str
    content_type: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry with its fate. `organization_id` is None for a sender nobody registered, `decoded` when quarantined."""

    sender: str
    epoch: int
    key: str  # the number, else the hash
    seq: int | None
    hash: bytes
    fate: Fate
    reason: str | None
    organization_id: uuid.UUID | None
    reading_id: uuid.UUID
    raw: bytes
    topic: str
    about: str  # the device that measured: the sender, or the hub's own device
    patient_id: uuid.UUID | None = None
    zone: str = "UTC"
    decoded: DecodedReading | None = None
    clock: quality.Clocked | None = None
    possible: tuple[Loan, ...] = ()  # whose it could be, when it is nobody's for sure
    content_type: str | None = None  # as its sender named it; kept of what is quarantined

    @property
    def where(self) -> Key:
        return (self.sender, self.epoch, self.key)


def entries(publish: Publish, device: Device | None) -> list[Entry]:
    """The message taken apart in the sender's format; one nobody registered is kept whole."""
    if device is None:
        return [Entry(raw=publish.payload, decoded=Refused(reason="unknown_device"))]
    if device.disabled:
        return [Entry(raw=publish.payload, decoded=Refused(reason="disabled_device"))]
    return formats.decode(publish.payload, formats.by_content_type(publish.content_type) or device.format)


def decide(publish: Publish, entry: Entry, known: Known, now: datetime, reading_id: uuid.UUID) -> Candidate:
    """The fate of one entry."""
    sender = known.devices.get(publish.sender)
    decoded = entry.decoded
    if isinstance(decoded, Refused):
        return quarantined(publish, entry, decoded, reading_id, sender)
    assert sender is not None
    about = _speaks_for(sender, decoded.source, known.devices)
    if about is None:
        return refused(publish, entry, decoded, reading_id, sender, "unknown_source")
    return _doubt(publish, entry, decoded, known, now, reading_id, about, sender)


def _speaks_for(sender: Device, source: str | None, devices: Mapping[str, Device]) -> str | None:
    """The id of the measuring device; None when the sender may not speak for it."""
    if source is None or source == sender.id:
        return sender.id
    named = devices.get(source)
    allowed = named is not None and not named.disabled and named.hub_id == sender.id
    return source if allowed and named is not None and named.organization_id == sender.organization_id else None


def _doubt(
    publish: Publish, entry: Entry, decoded: DecodedReading, known: Known, now: datetime, reading_id: uuid.UUID,
    about: str, sender: Device,
) -> Candidate:  # fmt: skip
    loans: Sequence[Loan] = known.loans.get(about, ())
    zone = loans[-1].zone if loans else "UTC"
    clock = quality.clock(decoded, ZoneInfo(zone), now, known.devices[about].skew)
    loan = registry.attribute(loans, clock.measured_at, decoded.user_slot)
    usual = known.baselines.get(loan.patient_id) if loan else None
    reason = _held_for(decoded, clock, loan, usual)
    if usual and not reason and quality.outlying(decoded.values, usual):
        decoded = flagged(decoded, "outlier")
    digest = hashlib.sha256(entry.raw).digest()
    return Candidate(
        sender=publish.sender, epoch=decoded.epoch, seq=decoded.seq, hash=digest,
        key=str(decoded.seq) if decoded.seq is not None else digest.hex(),
        fate="held" if reason else "stored", reason=reason, organization_id=sender.organization_id,
        reading_id=reading_id, raw=entry.raw, topic=publish.topic, about=about,
        patient_id=loan.patient_id if loan else None, zone=loan.zone if loan else zone, decoded=decoded, clock=clock,
        possible=() if loan else tuple(registry.possible(loans, clock.measured_at)),
    )  # fmt: skip


def _held_for(
    decoded: DecodedReading, clock: quality.Clocked, loan: Loan | None, usual: quality.Values | None
) -> str | None:
    """Why a person has to look; None when it can be stored."""
    if clock.ahead:
        return "future_time"
    if loan is None:
        return "unassigned"
    if quality.implausible(decoded):
        return "implausible"
    return "unit_doubt" if usual and quality.unit_doubt(decoded.values, usual) else None


def quarantined(
    publish: Publish, entry: Entry, refusal: Refused, reading_id: uuid.UUID, sender: Device | None
) -> Candidate:
    """An entry that can never become a reading as it is; `sender` is None when nobody registered it."""
    digest = hashlib.sha256(entry.raw).digest()
    return Candidate(
        sender=publish.sender, epoch=refusal.epoch, seq=refusal.seq, hash=digest,
        key=str(refusal.seq) if refusal.seq is not None else digest.hex(), fate="quarantined", reason=refusal.reason,
        organization_id=sender.organization_id if sender else None, reading_id=reading_id, raw=entry.raw,
        topic=publish.topic, about=publish.sender, content_type=publish.content_type,
    )  # fmt: skip


def refused(
    publish: Publish, entry: Entry, decoded: DecodedReading, reading_id: uuid.UUID, sender: Device, reason: str
) -> Candidate:
    """A reading that could be read, and is refused all the same."""
    return quarantined(publish, entry, Refused(reason=reason, seq=decoded.seq, epoch=decoded.epoch), reading_id, sender)


def reused(candidate: Candidate) -> Candidate:
    """The same number came before with other content: kept beside it, under number and hash, and flagged."""
    decoded = candidate.decoded
    if decoded is not None:
        decoded = flagged(decoded, "sequence_reused")
    return msgspec.structs.replace(candidate, key=f"{candidate.seq}#{candidate.hash.hex()}", decoded=decoded)


def flagged(decoded: DecodedReading, flag: str) -> DecodedReading:
    """The reading with a flag of ours beside its sender's."""
    return msgspec.structs.replace(decoded, flags=(*decoded.flags, flag))
