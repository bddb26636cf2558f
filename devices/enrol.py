"""Which devices exist and who has them: models, devices and loans are written here, and read by `registry`."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list of devices; `patient_id` is who has it now."""

    id: str
    model: str
    kinds: list[str]
    patient_id: uuid.UUID | None
    disabled_at: datetime | None
    last_seen_at: datetime | None
    stored_count: int


def new_secret() -> tuple[str, bytes]:
    """(a password of 32 random bytes, the hash that is kept): nobody can guess it, so a plain hash is enough."""
    password = secrets.token_urlsafe(32)
    return password, hashlib.sha256(password.encode()).digest()


MODEL = """
    WITH made AS (
        INSERT INTO device_model (id, organization_id, name, maker, kinds) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (organization_id, name) DO NOTHING RETURNING id)
    SELECT id FROM made UNION ALL SELECT id FROM device_model WHERE organization_id = $2 AND name = $3 LIMIT 1
"""


async def model(
    db: Any, new_id: uuid.UUID, organization: uuid.UUID, name: str, maker: str, kinds: Sequence[str]
) -> uuid.UUID:
    """The model of this name, made with `new_id` if there is none; speaks native JSON."""
    found: uuid.UUID = await db.fetchval(MODEL, new_id, organization, name, maker, list(kinds))
    return found


REGISTER = """
    INSERT INTO device (id, organization_id, model_id, secret_hash, registered_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO NOTHING
"""
STATE = "INSERT INTO device_state (device_id, organization_id) VALUES ($1, $2)"


async def register(
    db: Any, device: str, organization: uuid.UUID, model_id: uuid.UUID, secret_hash: bytes, now: datetime
) -> bool:
    """False when the id is taken, by anybody: it is the sender's name in the topic."""
    if await db.execute(REGISTER, device, organization, model_id, secret_hash, now) == "INSERT 0 0":
        return False
    await db.execute(STATE, device, organization)
    return True


DISABLE = "UPDATE device SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL"


async def disable(db: Any, device: str, now: datetime) -> bool:
    """False when it was disabled already, or is not ours."""
    return bool(await db.execute(DISABLE, device, now) != "UPDATE 0")


LEND = """
    INSERT INTO loan (id, organization_id, device_id, patient_id, user_slot, lent)
    VALUES ($1, $2, $3, $4, $5, tstzrange($6, NULL))
    ON CONFLICT DO NOTHING
"""


async def lend(
    db: Any,
    loan_id: uuid.UUID,
    organization: uuid.UUID,
    device: str,
    patient: uuid.UUID,
    since: datetime,
    user_slot: int | None = None,
) -> bool:
    """From `since` the device's readings are this patient's. False when somebody else has it at that time."""
    done = await db.execute(LEND, loan_id, organization, device, patient, user_slot, since)
    return bool(done != "INSERT 0 0")


TAKE_BACK = """
    UPDATE loan SET lent = tstzrange(lower(lent), $2)
     WHERE device_id = $1 AND upper_inf(lent) AND lower(lent) < $2
"""


async def take_back(db: Any, device: str, now: datetime) -> bool:
    """The loan ends now; what was measured before stays the patient's. False when nobody had it."""
    return bool(await db.execute(TAKE_BACK, device, now) != "UPDATE 0")


EXISTS = "SELECT id FROM device WHERE id = $1"


async def exists(db: Any, device: str) -> bool:
    """True for a device of the asker's organization."""
    return await db.fetchval(EXISTS, device) is not None


LIST = """
    SELECT d.id, m.name AS model, m.kinds, l.patient_id, d.disabled_at, s.last_seen_at,
           coalesce(s.stored_count, 0) AS stored_count
      FROM device d
      JOIN device_model m ON m.id = d.model_id
      LEFT JOIN loan l ON l.device_id = d.id AND l.lent @> $1::timestamptz
      LEFT JOIN device_state s ON s.device_id = d.id
     ORDER BY d.id
"""


async def list_all(db: Any, now: datetime) -> list[Listed]:
    return [Listed(**dict(row)) for row in await db.fetch(LIST, now)]
