"""A clinic: the place a patient belongs to, with its own zone and telephone."""

import uuid

import msgspec

from server.db.pool import Db


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """`phone` is E.164: the number patients are told to call."""

    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    zone: str
    phone: str | None


INSERT = "INSERT INTO clinic (id, organization_id, name, zone, phone) VALUES ($1, $2, $3, $4, $5)"


async def insert(db: Db, clinic: Clinic) -> None:
    await db.execute(INSERT, clinic.id, clinic.organization_id, clinic.name, clinic.zone, clinic.phone)


GET = "SELECT id, organization_id, name, zone, phone FROM clinic WHERE id = $1"


async def get(db: Db, clinic_id: uuid.UUID) -> Clinic | None:
    row = await db.fetchrow(GET, clinic_id)
    return Clinic(**dict(row)) if row else None


LIST = "SELECT id, organization_id, name, zone, phone FROM clinic ORDER BY name, id"


async def list_all(db: Db) -> list[Clinic]:
    return [Clinic(**dict(row)) for row in await db.fetch(LIST)]
