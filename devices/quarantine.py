"""What is not a reading yet: the undecodable is kept byte for byte, the doubtful is held for a person."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that can never become a reading as it is, with the reason."""

    id: uuid.UUID
    organization_id: uuid.UUID | None
    device_id: str
    topic: str
    payload: bytes
    reason: str
    content_type: str | None


QUARANTINE = """
    INSERT INTO quarantine (id, organization_id, device_id, topic, payload, reason, content_type, received_at)
    SELECT n.*, $8
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[]) AS n
"""


async def quarantine(db: Any, poisons: Sequence[Poison], now: datetime) -> None:
    """Keep them; the ledger has decided already that each is new."""
    if poisons:
        rows = map(msgspec.structs.astuple, poisons)
        await db.execute(QUARANTINE, *map(list, zip(*rows, strict=True)), now)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded reading in doubt; `patient_id` is None when nobody had the device then."""

    id: uuid.UUID
    organization_id: uuid.UUID
    device_id: str
    patient_id: uuid.UUID | None
    kind: str
    measured_at: datetime
    reason: str
    reading: bytes  # the decoded reading as JSON


HOLD = """
    INSERT INTO held (id, organization_id, device_id, patient_id, kind, measured_at, reason, reading, received_at)
    SELECT n.id, n.organization_id, n.device_id, n.patient_id, n.kind, n.measured_at, n.reason,
           convert_from(n.reading, 'UTF8')::jsonb, $9
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[],
                  $8::bytea[])
        AS n (id, organization_id, device_id, patient_id, kind, measured_at, reason, reading)
"""


async def hold(db: Any, held: Sequence[Held], now: datetime) -> None:
    """Keep them for a person to decide; the ledger has decided already that each is new."""
    if held:
        rows = map(msgspec.structs.astuple, held)
        await db.execute(HOLD, *map(list, zip(*rows, strict=True)), now)
