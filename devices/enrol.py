"""Which devices exist and who has them: models, devices and loans are written here, and read by `registry`."""

import hashlib
import secrets
import uuid
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


MODEL = "SELECT id FROM device_model WHERE name = $1"


async def model(db: Any, name: str) -> uuid.UUID | None:
    """The asker's model of this name."""
    found: uuid.UUID | None = await db.fetchval(MODEL, name)
    return found


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of device: what it measures, the format it speaks, its user buttons and its battery.

    `silent_after_hours`: how long one may send nothing before somebody is told; None is the installation's.
    """

    name: str
    maker: str
    kinds: list[str]
    format: str = "native"
    slots: int = 1
    battery: str | None = None
    silent_after_hours: int | None = None


ADD_MODEL = """
    INSERT INTO device_model (id, organization_id, name, maker, kinds, format, slots, battery, silent_after_hours)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (organization_id, name) DO NOTHING
"""


async def add_model(db: Any, new_id: uuid.UUID, organization: uuid.UUID, one: Model) -> bool:
    """False when there is one of this name."""
    row = (
        new_id, organization, one.name, one.maker, one.kinds, one.format, one.slots, one.battery,
        one.silent_after_hours,
    )  # fmt: skip
    return bool(await db.execute(ADD_MODEL, *row) != "INSERT 0 0")


SET_SILENCE = "UPDATE device_model SET silent_after_hours = $2 WHERE name = $1 RETURNING id"


async def set_silence(db: Any, name: str, hours: int | None) -> uuid.UUID | None:
    """How long devices of the asker's model of this name may be silent; None when there is no such model."""
    changed: uuid.UUID | None = await db.fetchval(SET_SILENCE, name, hours)
    return changed


MODELS = """
    SELECT name, maker, kinds, format, slots, battery, silent_after_hours FROM device_model ORDER BY name
"""


async def models(db: Any) -> list[Model]:
    """The asker's models."""
    return [Model(**dict(row)) for row in await db.fetch(MODELS)]


SLOTS = "SELECT m.slots FROM device d JOIN device_model m ON m.id = d.model_id WHERE d.id = $1"


async def slots(db: Any, device: str) -> int | None:
    """How many user buttons a device of the asker's organization has; None when there is no such device."""
    found: int | None = await db.fetchval(SLOTS, device)
    return found


REGISTER = """
    INSERT INTO device (id, organization_id, model_id, secret_hash, registered_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO NOTHING
"""
STATE = "INSERT INTO device_state (device_id, organization_id) VALUES ($1, $2)"


async def register(
    db: Any, device: str, organization: uuid.UUID, model_id: uuid.UUID, secret_hash: bytes | None, now: datetime
) -> bool:
    """False when the id is taken, by anybody: it is the sender's name in the topic.

    Without a secret it has no password, and so no way in by HTTP.
    """
    if await db.execute(REGISTER, device, organization, model_id, secret_hash, now) == "INSERT 0 0":
        return False
    await db.execute(STATE, device, organization)
    return True


DISABLE = "UPDATE device SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL"


async def disable(db: Any, device: str, now: datetime) -> bool:
    """False when it was disabled already, or is not ours."""
    return bool(await db.execute(DISABLE, device, now) != "UPDATE 0")


ENABLE = "UPDATE device SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL"


async def enable(db: Any, device: str) -> bool:
    """False when it was not disabled, or is not ours."""
    return bool(await db.execute(ENABLE, device) != "UPDATE 0")


ROTATE = "UPDATE device SET secret_hash = $2 WHERE id = $1 AND secret_hash IS NOT NULL"


async def set_secret(db: Any, device: str, secret_hash: bytes) -> bool:
    """From now on only this password; False when the device has none (it shows a certificate), or is not ours."""
    return bool(await db.execute(ROTATE, device, secret_hash) != "UPDATE 0")


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the device from–to; open-ended without `until`. A `user_slot` is one button of a shared cuff."""

    patient: uuid.UUID
    since: datetime
    until: datetime | None = None
    user_slot: int | None = None


# The exclusion constraint decides races on one slot; a loan of the whole device excludes every slot's too.
LEND = """
    INSERT INTO loan (id, organization_id, device_id, patient_id, user_slot, lent)
    SELECT $1, $2, $3, $4, $5, tstzrange($6, $7)
     WHERE NOT EXISTS (SELECT 1 FROM loan x WHERE x.device_id = $3 AND x.lent && tstzrange($6, $7)
                          AND (x.user_slot IS NULL OR $5::int IS NULL))
    ON CONFLICT DO NOTHING
"""
ONE_LENDER = "SELECT 1 FROM device WHERE id = $1 FOR NO KEY UPDATE"


async def lend(db: Any, loan_id: uuid.UUID, organization: uuid.UUID, device: str, loan: Loan) -> bool:
    """In that time the device's readings are this patient's. False when somebody else has it at some time of it."""
    await db.fetchval(ONE_LENDER, device)
    done = await db.execute(LEND, loan_id, organization, device, loan.patient, loan.user_slot, loan.since, loan.until)
    return bool(done != "INSERT 0 0")


TAKE_BACK = """
    UPDATE loan SET lent = tstzrange(lower(lent), $2)
     WHERE device_id = $1 AND lent @> $2::timestamptz AND lower(lent) < $2 AND ($3::int IS NULL OR user_slot = $3)
"""


async def take_back(db: Any, device: str, at: datetime, user_slot: int | None = None) -> bool:
    """Its loans (or one slot's) end then; what was measured before stays the patient's. False: nobody had it."""
    return bool(await db.execute(TAKE_BACK, device, at, user_slot) != "UPDATE 0")


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
