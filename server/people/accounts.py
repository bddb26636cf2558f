"""An account: one login name and its password's hash, a staff member's or a patient's."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Db


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`password_hash` comes from `security.passwords`; exactly one of staff and patient is set."""

    id: uuid.UUID
    organization_id: uuid.UUID
    login: str
    password_hash: str
    staff_id: uuid.UUID | None = None
    patient_id: uuid.UUID | None = None
    created_at: datetime


INSERT = """
    INSERT INTO account (id, organization_id, login, password_hash, staff_id, patient_id, created_at)
    VALUES ($1, $2, lower($3), $4, $5, $6, $7)
    ON CONFLICT (login) DO NOTHING
"""


async def insert(db: Db, account: NewAccount) -> bool:
    """False when the login name is taken, by anybody anywhere: it names the person before we know more."""
    done = await db.execute(INSERT, *(getattr(account, field) for field in account.__struct_fields__))
    return bool(done != "INSERT 0 0")


LOGINS = "SELECT login, staff_id, patient_id, disabled_at IS NOT NULL AS disabled FROM account ORDER BY login"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """`disabled`: it opens nothing now, because its person left."""

    login: str
    staff_id: uuid.UUID | None
    patient_id: uuid.UUID | None
    disabled: bool


async def logins(db: Db) -> list[Login]:
    """Login names, of those who left too; never anything about their passwords."""
    return [Login(**dict(row)) for row in await db.fetch(LOGINS)]


DISABLE = "UPDATE account SET disabled_at = $2 WHERE staff_id = $1 AND disabled_at IS NULL"


async def disable(db: Db, staff_id: uuid.UUID, now: datetime) -> None:
    """This person's login opens nothing from now on."""
    await db.execute(DISABLE, staff_id, now)


ENABLE = "UPDATE account SET disabled_at = NULL WHERE staff_id = $1 AND disabled_at IS NOT NULL"


async def enable(db: Db, staff_id: uuid.UUID) -> None:
    """It opens again, with the password it had."""
    await db.execute(ENABLE, staff_id)
