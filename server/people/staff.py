"""Staff: the people of a clinic who sign in, answer alerts and close gaps."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db

StaffRole = Literal["nurse", "clinician", "coordinator", "quality", "admin"]


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """`phone` is E.164: where pages go."""

    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    role: StaffRole
    phone: str | None
    created_at: datetime
    disabled_at: datetime | None = None


INSERT = """
    INSERT INTO staff (id, organization_id, name, role, phone, created_at) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def insert(db: Db, person: Staff) -> None:
    await db.execute(
        INSERT, person.id, person.organization_id, person.name, person.role, person.phone, person.created_at
    )


GET = "SELECT id, organization_id, name, role, phone, created_at, disabled_at FROM staff WHERE id = $1"


async def get(db: Db, staff_id: uuid.UUID) -> Staff | None:
    """None also when the person is another organization's."""
    row = await db.fetchrow(GET, staff_id)
    return Staff(**dict(row)) if row else None


LIST = "SELECT id, organization_id, name, role, phone, created_at, disabled_at FROM staff ORDER BY name, id"


async def list_all(db: Db) -> list[Staff]:
    """Everybody of the organization, those who left too."""
    return [Staff(**dict(row)) for row in await db.fetch(LIST)]


FIND = """
    SELECT DISTINCT s.id, s.organization_id, s.name, s.role, s.phone, s.created_at, s.disabled_at
      FROM staff s LEFT JOIN account c ON c.staff_id = s.id
     WHERE s.id::text = lower($1) OR c.login = lower($1) OR lower(s.name) = lower($1)
     ORDER BY s.name, s.id
"""


async def find(db: Db, named: str) -> list[Staff]:
    """Who has this login, name or id, those who left too; several when a name is not enough."""
    return [Staff(**dict(row)) for row in await db.fetch(FIND, named.strip())]


DISABLE = "UPDATE staff SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING true"


async def disable(db: Db, staff_id: uuid.UUID, now: datetime) -> bool:
    """The person is no longer paged and cannot sign in; False when they already could not."""
    return await db.fetchval(DISABLE, staff_id, now) is True


ENABLE = "UPDATE staff SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL RETURNING true"


async def enable(db: Db, staff_id: uuid.UUID) -> bool:
    """Undo of disabling; False when they had not left."""
    return await db.fetchval(ENABLE, staff_id) is True


SET_PHONE = "UPDATE staff SET phone = $2 WHERE id = $1 AND phone IS DISTINCT FROM $2 RETURNING true"


async def set_phone(db: Db, staff_id: uuid.UUID, phone: str | None) -> bool:
    """Where pages go from now on, in E.164; None: nowhere. False when it was so already."""
    return await db.fetchval(SET_PHONE, staff_id, phone) is True


# Locked, so that two administrators who disable each other at once do not both find the other one there.
ADMINISTRATORS = """
    SELECT s.id FROM staff s
     WHERE s.role = 'admin' AND s.disabled_at IS NULL
       AND EXISTS (SELECT FROM account c WHERE c.staff_id = s.id AND c.disabled_at IS NULL)
     ORDER BY s.id
       FOR UPDATE OF s
"""


async def administrators(db: Db) -> list[uuid.UUID]:
    """Who can sign in as administrator; nobody can change that until the transaction ends."""
    return [row["id"] for row in await db.fetch(ADMINISTRATORS)]
