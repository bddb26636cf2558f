"""Quarantined bytes looked at again: what today's decoders and loans make of them; each is recovered at most once."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from devices import arrivals, formats, intake
from devices.decoded import DecodedReading, Entry
from devices.formats import detect
from devices.intake import Candidate, Key, Publish
from devices.registry import Device
from devices.units import COLUMNS


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An item in quarantine that still has its bytes, and the content type its sender named, if any."""

    id: uuid.UUID
    organization_id: uuid.UUID
    device_id: str
    topic: str
    payload: bytes
    reason: str
    received_at: datetime
    content_type: str | None

    @property
    def publish(self) -> Publish:
        return Publish(sender=self.device_id, payload=self.payload, topic=self.topic, content_type=self.content_type)


ONE = """
    SELECT id, organization_id, device_id, topic, payload, reason, received_at, content_type FROM quarantine
     WHERE id = $1 AND organization_id IS NOT NULL AND resolved_at IS NULL AND purged_at IS NULL
"""


async def one(db: Any, poison_id: uuid.UUID) -> Waiting | None:
    """None when it is not the asker's, is settled, or has lost its bytes."""
    row = await db.fetchrow(ONE, poison_id)
    return Waiting(**dict(row)) if row else None


ALIKE = """
    SELECT id, organization_id, device_id, topic, payload, reason, received_at, content_type FROM quarantine
     WHERE device_id = $1 AND reason = $2 AND organization_id IS NOT NULL AND resolved_at IS NULL AND purged_at IS NULL
     ORDER BY retried_at NULLS FIRST, received_at, id LIMIT $3
"""


async def alike(db: Any, device: str, reason: str, limit: int) -> list[Waiting]:
    """Those of one device and reason, not yet tried first, then longest waiting."""
    return [Waiting(**dict(row)) for row in await db.fetch(ALIKE, device, reason, limit)]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """How many of one device wait for one reason."""

    device_id: str
    reason: str
    count: int


GROUPS = """
    SELECT device_id, reason, count(*) AS count FROM quarantine
     WHERE organization_id IS NOT NULL AND resolved_at IS NULL AND purged_at IS NULL
     GROUP BY device_id, reason HAVING count(*) > 1 ORDER BY count(*) DESC, device_id, reason LIMIT 20
"""


async def groups(db: Any) -> list[Group]:
    """Where there is more than one, largest first."""
    return [Group(**dict(row)) for row in await db.fetch(GROUPS)]


ALIKE_COUNT = """
    SELECT count(*) FROM quarantine
     WHERE device_id = $1 AND reason = $2 AND organization_id IS NOT NULL AND resolved_at IS NULL AND purged_at IS NULL
"""


async def count_alike(db: Any, device: str, reason: str) -> int:
    return int(await db.fetchval(ALIKE_COUNT, device, reason))


def entries(waiting: Waiting, device: Device | None) -> list[Entry]:
    """Taken apart in the sender's format; when nothing of it can be read so, in the format it looks like.

    Ingestion never guesses. Here a person sees what would be kept before it is.
    """
    told = intake.entries(waiting.publish, device)
    if device is None or device.disabled or _readable(told):
        return told
    looks_like = detect.guess(waiting.payload)
    guessed = formats.decode(waiting.payload, looks_like) if looks_like else told
    return guessed if _readable(guessed) else told


def _readable(taken: Iterable[Entry]) -> bool:
    return any(isinstance(entry.decoded, DecodedReading) for entry in taken)


LEDGER = """
    SELECT a.device_id, a.epoch, a.key, a.hash, a.reading_id
      FROM unnest($1::text[], $2::bigint[], $3::text[]) AS asked (device_id, epoch, key)
      JOIN arrival a USING (device_id, epoch, key)
"""


async def ledger(db: Any, candidates: Sequence[Candidate]) -> dict[Key, tuple[bytes, uuid.UUID]]:
    """What the ledger has under their keys, or beside them under number and hash: (hash, the id it was kept as)."""
    keys = sorted({where for c in candidates for where in (c.where, intake.reused(c).where)})
    if not keys:
        return {}
    rows = await db.fetch(LEDGER, *map(list, zip(*keys, strict=True)))
    return {(r["device_id"], r["epoch"], r["key"]): (r["hash"], r["reading_id"]) for r in rows}


SAME = """
    SELECT r.patient_id, r.measured_at, r.kind, r.device_id, r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm,
           r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c
      FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (patient_id, measured_at)
      JOIN reading r USING (patient_id, measured_at)
"""
Shown = tuple[uuid.UUID, datetime, str, str, frozenset[tuple[str, Decimal]]]


async def stored(db: Any, candidates: Sequence[Candidate]) -> set[Shown]:
    """What the patients' records show at those moments: a sender that was mended may have sent it again by itself."""
    asked = sorted({(c.patient_id, c.clock.measured_at) for c in candidates if c.patient_id and c.clock})
    rows = await db.fetch(SAME, *map(list, zip(*asked, strict=True))) if asked else []
    return {
        (*tuple(row)[:4], frozenset((name, row[name]) for name in COLUMNS if row[name] is not None)) for row in rows
    }


def shows(c: Candidate) -> Shown | None:
    """As `stored` tells it; None when its time is only the time it came, for that tells no two readings apart."""
    if c.patient_id is None or c.clock is None or c.decoded is None or c.clock.basis == "received":
        return None
    return c.patient_id, c.clock.measured_at, c.decoded.kind, c.about, frozenset(c.decoded.values.items())


CLAIM = """
    UPDATE quarantine SET resolved_at = $2, resolved_by = $3, resolution = 'decoded', note = $4
     WHERE id = $1 AND resolved_at IS NULL AND purged_at IS NULL
    RETURNING id
"""


async def claim(db: Any, poison_id: uuid.UUID, by: uuid.UUID, note: str, now: datetime) -> bool:
    """True for the one caller who may keep what was read in it."""
    return await db.fetchval(CLAIM, poison_id, now, by, note) is not None


IN_VAIN = "UPDATE quarantine SET retried_at = $2, retried_reason = $3 WHERE id = $1 AND resolved_at IS NULL"


async def in_vain(db: Any, poison_id: uuid.UUID, reason: str, now: datetime) -> None:
    """It stays, with why it cannot be read as of now; the reason it came with stays too."""
    await db.execute(IN_VAIN, poison_id, now, reason)


ENTER = """
    INSERT INTO arrival (device_id, epoch, key, seq, hash, fate, reason, organization_id, reading_id, patient_id,
                         measured_at, received_at)
    SELECT n.*, $12
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::uuid[],
                  $9::uuid[], $10::uuid[], $11::timestamptz[]) AS n
    ON CONFLICT (device_id, epoch, key) DO NOTHING
    RETURNING reading_id
"""


async def enter(db: Any, candidates: Sequence[Candidate], received_at: datetime) -> set[uuid.UUID]:
    """Enter what the ledger knew only as one message; the ids of those it did not have.

    The counts of the device stay as they were counted when it came. Numbers that were missing are there now.
    """
    if not candidates:
        return set()
    rows = [
        (
            c.sender, c.epoch, c.key, c.seq, c.hash, c.fate, c.reason, c.organization_id, c.reading_id, c.patient_id,
            c.clock.measured_at if c.clock else None,
        )
        for c in sorted(candidates, key=lambda c: c.where)
    ]  # fmt: skip
    new = {row["reading_id"] for row in await db.fetch(ENTER, *map(list, zip(*rows, strict=True)), received_at)}
    await _count_on(db, [c for c in candidates if c.reading_id in new])
    return new


NUMBERS = """
    INSERT INTO sequence_state AS s (device_id, epoch, organization_id, through, highest)
    SELECT n.device_id, n.epoch, n.organization_id, 0, n.highest
      FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::bigint[]) AS n (device_id, epoch, organization_id, highest)
     ORDER BY 1, 2
    ON CONFLICT (device_id, epoch) DO UPDATE SET highest = greatest(s.highest, excluded.highest)
    RETURNING device_id, epoch, through
"""


async def _count_on(db: Any, entered: Sequence[Candidate]) -> None:
    """How far each epoch is settled may have moved: what was a hole is filled."""
    highest: dict[tuple[str, int, uuid.UUID], int] = {}
    for c in entered:
        if c.seq and c.organization_id:
            epoch = (c.sender, c.epoch, c.organization_id)
            highest[epoch] = max(c.seq, highest.get(epoch, 0))
    if highest:
        rows = [(*epoch, number) for epoch, number in sorted(highest.items())]
        moved = await db.fetch(NUMBERS, *map(list, zip(*rows, strict=True)))
        await arrivals.advance(db, [(row["device_id"], row["epoch"], row["through"]) for row in moved])
