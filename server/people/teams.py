"""A care team: who belongs to it, and the shifts that say who answers for it when."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.pool import Db


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """With `clinic_id` it works on that clinic's clock and keeps its holidays; else on the organization's clock.

    `after_hours_phone` (E.164): what its patients may call when nobody watches.
    """

    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    clinic_id: uuid.UUID | None = None
    after_hours_phone: str | None = None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """From `starts_at` to before `ends_at`; shifts may overlap."""

    id: uuid.UUID
    organization_id: uuid.UUID
    team_id: uuid.UUID
    staff_id: uuid.UUID
    starts_at: datetime
    ends_at: datetime


INSERT = "INSERT INTO team (id, organization_id, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id"


async def insert(db: Db, team: Team) -> bool:
    """False when the organization already has a team of this name."""
    return await db.fetchval(INSERT, team.id, team.organization_id, team.name) is not None


LIST = "SELECT id, organization_id, name, clinic_id, after_hours_phone FROM team ORDER BY name, id"


async def list_all(db: Db) -> list[Team]:
    return [Team(**dict(row)) for row in await db.fetch(LIST)]


BIND = "UPDATE team SET clinic_id = $2 WHERE id = $1 AND clinic_id IS DISTINCT FROM $2 RETURNING true"


async def bind(db: Db, team: uuid.UUID, clinic: uuid.UUID | None) -> bool:
    """From now on it works on the clock of that clinic, or the organization's. False when it did already."""
    return await db.fetchval(BIND, team, clinic) is True


SET_AFTER_HOURS_PHONE = "UPDATE team SET after_hours_phone = $2 WHERE id = $1 RETURNING true"


async def set_after_hours_phone(db: Db, team: uuid.UUID, phone: str | None) -> bool:
    """False when there is no such team."""
    return await db.fetchval(SET_AFTER_HOURS_PHONE, team, phone) is True


ADD_MEMBER = """
    INSERT INTO team_member (team_id, staff_id, organization_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""


async def add_member(db: Db, team: Team, staff_id: uuid.UUID) -> None:
    await db.execute(ADD_MEMBER, team.id, staff_id, team.organization_id)


ADD_SHIFTS = """
    INSERT INTO shift (id, organization_id, team_id, staff_id, starts_at, ends_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
"""


async def add_shifts(db: Db, shifts: Sequence[Shift]) -> None:
    columns = ([getattr(shift, field) for shift in shifts] for field in Shift.__struct_fields__)
    await db.execute(ADD_SHIFTS, *columns)


OF_STAFF = "SELECT team_id FROM team_member WHERE staff_id = $1 ORDER BY team_id"


async def of_staff(db: Db, staff_id: uuid.UUID) -> list[uuid.UUID]:
    """The teams somebody belongs to."""
    return [row["team_id"] for row in await db.fetch(OF_STAFF, staff_id)]


COVERED_UNTIL = "SELECT max(ends_at) FROM shift WHERE team_id = $1"


async def covered_until(db: Db, team: uuid.UUID) -> datetime | None:
    """When the last shift that is planned for a team ends."""
    ends: datetime | None = await db.fetchval(COVERED_UNTIL, team)
    return ends
