"""The ledger of what came in: each thing once, its fate decided once, so nothing is stored twice."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

import msgspec

Fate = Literal["stored", "held", "quarantined"]
Key = tuple[str, int, str]  # (sender, epoch, sequence number or hash)


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One entry that came in, with what became of it."""

    device_id: str
    epoch: int
    key: str
    seq: int | None
    hash: bytes
    fate: Fate
    reason: str | None
    organization_id: uuid.UUID | None
    reading_id: uuid.UUID
    patient_id: uuid.UUID | None
    measured_at: datetime | None

    @property
    def where(self) -> Key:
        return (self.device_id, self.epoch, self.key)


_where = attrgetter("where")
NAMES = (*Arrival.__struct_fields__, "received_at")


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry the first time it came."""

    hash: bytes
    fate: Fate
    reason: str | None


INSERT = """
    INSERT INTO arrival (device_id, epoch, key, seq, hash, fate, reason, organization_id, reading_id, patient_id,
                         measured_at, received_at)
    SELECT n.*, $12
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::uuid[],
                  $9::uuid[], $10::uuid[], $11::timestamptz[]) AS n
    ON CONFLICT (device_id, epoch, key) DO NOTHING
    RETURNING device_id, epoch, key
"""


MANY = 400  # as in readings: from here on COPY is cheaper
STAGE = "CREATE TEMP TABLE IF NOT EXISTS incoming_arrival (LIKE arrival) ON COMMIT DELETE ROWS"
INSERT_STAGED = """
    INSERT INTO arrival SELECT * FROM incoming_arrival ON CONFLICT (device_id, epoch, key) DO NOTHING
    RETURNING device_id, epoch, key
"""


async def insert(db: Any, arrivals: Sequence[Arrival], now: datetime) -> set[Key]:
    """The keys that are new. Sorted, because two batches that share keys must not deadlock."""
    if not arrivals:
        return set()
    rows = [msgspec.structs.astuple(arrival) for arrival in sorted(arrivals, key=_where)]
    if len(rows) < MANY:
        records = await db.fetch(INSERT, *map(list, zip(*rows, strict=True)), now)
    else:
        await db.execute(STAGE)
        staged = ((*row, now) for row in rows)
        await db.copy_records_to_table("incoming_arrival", records=staged, columns=NAMES)
        records = await db.fetch(INSERT_STAGED)
    return {(record["device_id"], record["epoch"], record["key"]) for record in records}


EARLIER = """
    SELECT a.device_id, a.epoch, a.key, a.hash, a.fate, a.reason
      FROM unnest($1::text[], $2::bigint[], $3::text[]) AS asked (device_id, epoch, key)
      JOIN arrival a USING (device_id, epoch, key)
"""


async def earlier(db: Any, keys: Sequence[Key]) -> dict[Key, Earlier]:
    """What became of the entries with these keys when they first came."""
    if not keys:
        return {}
    records = await db.fetch(EARLIER, *map(list, zip(*keys, strict=True)))
    return {
        (r["device_id"], r["epoch"], r["key"]): Earlier(hash=r["hash"], fate=r["fate"], reason=r["reason"])
        for r in records
    }
