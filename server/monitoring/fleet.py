"""The devices of an organization with their accounts, and what waits for a person: held and quarantined."""

import uuid
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.pool import Db


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a device sent and what became of it."""

    id: str
    model: str
    patient_id: uuid.UUID | None
    patient_name: str | None
    disabled_at: datetime | None
    online: bool | None
    last_seen_at: datetime | None
    battery_pct: Decimal | None
    received: int
    stored: int
    duplicate: int
    held: int
    quarantined: int

    @property
    def adds_up(self) -> bool:
        """received = stored + duplicate + held + quarantined; anything else is a defect of ours."""
        return self.received == self.stored + self.duplicate + self.held + self.quarantined


DEVICES = """
    SELECT d.id, m.name AS model, p.id AS patient_id, p.given_name || ' ' || p.family_name AS patient_name,
           d.disabled_at, s.online, s.last_seen_at, s.battery_pct, coalesce(s.received_count, 0) AS received,
           coalesce(s.stored_count, 0) AS stored, coalesce(s.duplicate_count, 0) AS duplicate,
           coalesce(s.held_count, 0) AS held, coalesce(s.quarantined_count, 0) AS quarantined
      FROM device d
      JOIN device_model m ON m.id = d.model_id
      LEFT JOIN LATERAL (SELECT x.patient_id FROM loan x WHERE x.device_id = d.id AND x.lent @> $1::timestamptz
                          ORDER BY lower(x.lent) DESC LIMIT 1) l ON true
      LEFT JOIN patient p ON p.id = l.patient_id
      LEFT JOIN device_state s ON s.device_id = d.id
     ORDER BY d.disabled_at IS NOT NULL, d.id LIMIT 1000
"""


async def devices(db: Db, now: datetime) -> list[Account]:
    return [Account(**dict(row)) for row in await db.fetch(DEVICES, now)]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    device_id: str
    patient_id: uuid.UUID | None
    kind: str
    measured_at: datetime | None
    received_at: datetime
    reason: str


HELD = """
    SELECT id, device_id, patient_id, kind, measured_at, received_at, reason
      FROM held WHERE resolved_at IS NULL ORDER BY received_at DESC LIMIT $1
"""


async def held(db: Db, limit: int = 100) -> list[Held]:
    """Decoded but in doubt; newest first."""
    return [Held(**dict(row)) for row in await db.fetch(HELD, limit)]


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """`size` in bytes; the bytes themselves may hold anything and are not shown in a list."""

    id: uuid.UUID
    device_id: str
    reason: str
    received_at: datetime
    size: int


QUARANTINE = """
    SELECT id, device_id, reason, received_at, length(payload) AS size
      FROM quarantine WHERE resolved_at IS NULL ORDER BY received_at DESC LIMIT $1
"""


async def quarantine(db: Db, limit: int = 100) -> list[Poison]:
    """What could never work; newest first."""
    return [Poison(**dict(row)) for row in await db.fetch(QUARANTINE, limit)]
