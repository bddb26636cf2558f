"""An organization: the tenant. Every row belongs to one; its state says how far its words reach."""

import uuid
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from server.db.pool import AWAY, Db, why_not
from server.errors import Unavailable

State = Literal["trial", "shadow", "live"]


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """*trial*: texts go to `trial_numbers` only; *shadow*: shows what it would send; *live*: sends."""

    id: uuid.UUID
    name: str
    zone: str
    state: State
    trial_numbers: list[str]
    sender_number: str | None
    demo: bool
    created_at: datetime


INSERT = """
    INSERT INTO organization (id, name, zone, state, trial_numbers, sender_number, demo, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def insert(db: Db, organization: Organization) -> None:
    """Asked by a transaction that already names the new organization's id."""
    await db.execute(INSERT, *(getattr(organization, field) for field in organization.__struct_fields__))


GET = """
    SELECT id, name, zone, state, trial_numbers, sender_number, demo, created_at
      FROM organization WHERE id = $1
"""


async def get(db: Db, organization_id: uuid.UUID) -> Organization | None:
    row = await db.fetchrow(GET, organization_id)
    return Organization(**dict(row)) if row else None


LIST = """
    SELECT id, name, zone, state, trial_numbers, sender_number, demo, created_at
      FROM organization ORDER BY name, id
"""


async def list_all(db: Db) -> list[Organization]:
    """All that the asker may see: a service sees every one, the web its own."""
    return [Organization(**dict(row)) for row in await db.fetch(LIST)]


SET_STATE = """
    UPDATE organization SET state = $2, trial_numbers = $3
     WHERE id = $1 AND (state, trial_numbers) <> ($2, $3)
"""


async def set_state(db: Db, organization_id: uuid.UUID, state: State, trial_numbers: list[str]) -> bool:
    """False when it was so already."""
    return bool(await db.execute(SET_STATE, organization_id, state, trial_numbers) != "UPDATE 0")


SET_SENDER = "UPDATE organization SET sender_number = $2 WHERE id = $1 AND sender_number IS DISTINCT FROM $2"


async def set_sender(db: Db, organization_id: uuid.UUID, sender: str | None) -> bool:
    """False when it was so already. `UniqueViolationError` when it is another's."""
    return bool(await db.execute(SET_SENDER, organization_id, sender) != "UPDATE 0")


DEMO_COUNT = "SELECT demo_count FROM door_organizations()"


async def demo_count(db: Db) -> int:
    """How many organizations here are the demo's; asked by anybody."""
    return int(await db.fetchval(DEMO_COUNT))


SET_UP = "SELECT to_regclass('public.organization')"
COUNTS = "SELECT count(*) FILTER (WHERE NOT demo) AS real, count(*) FILTER (WHERE demo) AS demo FROM organization"


async def already_in(owner_url: str) -> tuple[int, int]:
    """(real, demo) organizations of a database that may be empty yet; asked as its owner, changing nothing."""
    try:
        owner = await asyncpg.connect(owner_url, timeout=10)
    except (*AWAY, asyncpg.PostgresError, ValueError) as error:
        raise Unavailable(why_not(owner_url, error)) from None
    try:
        if await owner.fetchval(SET_UP) is None:
            return 0, 0
        row = await owner.fetchrow(COUNTS)
        return (row["real"], row["demo"]) if row else (0, 0)
    finally:
        await owner.close()
