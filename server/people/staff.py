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


DISABLE = "UPDATE staff SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id"


async def disable(db: Db, staff_id: uuid.UUID, now: datetime) -> bool:
    """The person can no longer sign in; False when they already could not."""
    return await db.fetchval(DISABLE, staff_id, now) is not None
