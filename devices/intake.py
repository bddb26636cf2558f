"""One entry's fate, decided once and purely: whose it is, when it was, stored, held or quarantined."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from devices import formats, quality, registry, topics
from devices.arrivals import Arrival
from devices.decoded import DecodedReading, Entry, Refused
from devices.registry import Device, Loan

FAR_PLACE = ZoneInfo("UTC")


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it came, over MQTT or HTTP. `sender` is whose credentials brought it."""

    sender: str
    payload: bytes
    topic: str
    content_type: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its fate; `decoded` is None when it is quarantined."""

    arrival: Arrival
    raw: bytes
    topic: str
    team_id: uuid.UUID | None = None
    zone: str = "UTC"
    decoded: DecodedReading | None = None
    clock: quality.Clocked | None = None
    about: str = ""  # the device that measured: the sender, or the hub's own device
    possible: tuple[Loan, ...] = ()  # whose it could be, when it is nobody's for sure

    @property
    def fate(self) -> str:
        return self.arrival.fate


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says of everybody a batch speaks of."""

    devices: Mapping[str, Device]
    loans: Mapping[str, Sequence[Loan]]


def entries(publish: Publish, device: Device | None) -> list[Entry]:
    """The message taken apart in the sender's format; one nobody registered is kept whole."""
    if device is None:
        return [Entry(raw=publish.payload, decoded=Refused(reason="unknown_device"))]
    if device.disabled:
        return [Entry(raw=publish.payload, decoded=Refused(reason="disabled_device"))]
    return formats.decode(publish.payload, formats.by_content_type(publish.content_type) or device.format)


def sources(taken: Sequence[Entry]) -> set[str]:
    """Devices other than the sender that these entries name."""
    return {e.decoded.source for e in taken if isinstance(e.decoded, DecodedReading) and e.decoded.source}


def decide(publish: Publish, entry: Entry, known: Known, now: datetime, reading_id: uuid.UUID) -> Candidate:
    """The fate of one entry."""
    sender = known.devices.get(publish.sender)
    organization = sender.organization_id if sender else None
    decoded = entry.decoded
    if isinstance(decoded, DecodedReading):
        assert sender is not None
        about = _speaks_for(sender, decoded.source, known.devices)
        if about is not None:
            return _doubt(publish, entry, decoded, known, now, reading_id, about, sender.organization_id)
        decoded = Refused(reason="unknown_source", seq=decoded.seq, epoch=decoded.epoch)
    return Candidate(
        arrival=_arrival(publish, entry, decoded, reading_id, "quarantined", decoded.reason, organization),
        raw=entry.raw, topic=publish.topic, about=publish.sender,
    )  # fmt: skip


def _speaks_for(sender: Device, source: str | None, devices: Mapping[str, Device]) -> str | None:
    """The id of the measuring device; None when the sender may not speak for it."""
    if source is None or source == sender.id:
        return sender.id
    named = devices.get(source)
    allowed = named is not None and not named.disabled and named.hub_id == sender.id
    return source if allowed and named is not None and named.organization_id == sender.organization_id else None


def _doubt(
    publish: Publish, entry: Entry, decoded: DecodedReading, known: Known, now: datetime, reading_id: uuid.UUID,
    about: str, organization: uuid.UUID,
) -> Candidate:  # fmt: skip
    loans = known.loans.get(about, ())
    zone = ZoneInfo(loans[-1].zone) if loans else FAR_PLACE
    clock = quality.clock(decoded, zone, now)
    loan = registry.attribute(loans, clock.measured_at, decoded.user_slot)
    reason = _held_for(decoded, clock, loan)
    return Candidate(
        arrival=_arrival(
            publish, entry, decoded, reading_id, "held" if reason else "stored", reason, organization,
            loan.patient_id if loan else None, clock.measured_at,
        ),
        raw=entry.raw, topic=publish.topic, team_id=loan.team_id if loan else None,
        zone=loan.zone if loan else zone.key, decoded=decoded,
        possible=() if loan else tuple(registry.possible(loans, clock.measured_at)), clock=clock, about=about,
    )  # fmt: skip


def _held_for(decoded: DecodedReading, clock: quality.Clocked, loan: Loan | None) -> str | None:
    if clock.ahead:
        return "future_time"
    if loan is None:
        return "unassigned"
    return "implausible" if quality.implausible(decoded) else None


def _arrival(
    publish: Publish, entry: Entry, decoded: DecodedReading | Refused, reading_id: uuid.UUID, fate: str,
    reason: str | None, organization: uuid.UUID | None, patient: uuid.UUID | None = None,
    measured_at: datetime | None = None,
) -> Arrival:  # fmt: skip
    digest = hashlib.sha256(entry.raw).digest()
    return Arrival(
        device_id=publish.sender, epoch=decoded.epoch, seq=decoded.seq, hash=digest, fate=fate,  # type: ignore[arg-type]
        key=str(decoded.seq) if decoded.seq is not None else digest.hex(), reason=reason, organization_id=organization,
        reading_id=reading_id, patient_id=patient, measured_at=measured_at,
    )  # fmt: skip


def reused(candidate: Candidate) -> Candidate:
    """The same number came before with other content: kept beside it, under number and hash, and flagged."""
    arrival, decoded = candidate.arrival, candidate.decoded
    rekeyed = msgspec.structs.replace(arrival, key=f"{arrival.seq}#{arrival.hash.hex()}")
    if decoded is not None:
        decoded = msgspec.structs.replace(decoded, flags=(*decoded.flags, "sequence_reused"))
    return msgspec.structs.replace(candidate, arrival=rekeyed, decoded=decoded)


def sender_of(topic: str) -> str | None:
    """Who published, when the topic is one for readings."""
    taken = topics.parse(topic)
    return taken.sender if taken and taken.kind == "readings" else None
