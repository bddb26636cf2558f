"""What changes with each message of a device: last seen, and the counts that must add up."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Of one sender in one batch: received = stored + duplicate + held + quarantined, counted per entry."""

    device_id: str
    organization_id: uuid.UUID
    stored: int
    duplicate: int
    held: int
    quarantined: int
    last_measured_at: datetime | None


COUNT = """
    INSERT INTO device_state AS s (device_id, organization_id, stored_count, duplicate_count, held_count,
                                   quarantined_count, received_count, last_measured_at, last_seen_at)
    SELECT device_id, organization_id, stored, duplicate, held, quarantined, stored + duplicate + held + quarantined,
           measured, $8
      FROM unnest($1::text[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[], $7::timestamptz[])
        AS n (device_id, organization_id, stored, duplicate, held, quarantined, measured)
     ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE
       SET received_count = s.received_count + excluded.received_count,
           stored_count = s.stored_count + excluded.stored_count,
           duplicate_count = s.duplicate_count + excluded.duplicate_count,
           held_count = s.held_count + excluded.held_count,
           quarantined_count = s.quarantined_count + excluded.quarantined_count,
           last_measured_at = greatest(s.last_measured_at, excluded.last_measured_at),
           last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at)
"""


async def count(db: Any, tallies: Sequence[Tally], now: datetime) -> None:
    """Add a batch to each sender's counts."""
    if tallies:
        rows = map(msgspec.structs.astuple, tallies)
        await db.execute(COUNT, *map(list, zip(*rows, strict=True)), now)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A device's own word about itself; its last will says `online: false`."""

    online: bool = True
    battery: float | None = None
    firmware: str | None = None


STATUS = """
    UPDATE device_state SET online = $2, battery_pct = coalesce($3, battery_pct), firmware = coalesce($4, firmware),
           last_seen_at = CASE WHEN $2 THEN $5 ELSE last_seen_at END
     WHERE device_id = $1
"""


async def tell_status(db: Any, device: str, status: Status, now: datetime) -> None:
    """Keep the last word of a device; a device nobody registered changes nothing."""
    battery = Decimal(repr(status.battery)) if status.battery is not None else None
    await db.execute(STATUS, device, status.online, battery, status.firmware, now)
