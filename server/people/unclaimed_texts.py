"""Texts that came in and belong to no organization, as far as we can tell: kept, and looked at again."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

AGAIN_AFTER = timedelta(minutes=1)

KEEP = "SELECT door_keep_text($1, $2, $3, $4, $5, $6, $7)"
LOOK = """
    WITH due AS MATERIALIZED (
        SELECT id, looked_at IS NULL AS is_new FROM unclaimed_text
         WHERE claimed_at IS NULL AND (looked_at IS NULL OR looked_at < $2)
         ORDER BY looked_at NULLS FIRST, id LIMIT 50 FOR UPDATE SKIP LOCKED)
    UPDATE unclaimed_text u SET looked_at = $1 FROM due WHERE u.id = due.id
    RETURNING u.id, u.provider_sid, u.numbers, u.from_number, u.from_hash, u.body, u.received_at, u.organization_id,
              due.is_new
"""
CLAIM = "UPDATE unclaimed_text SET organization_id = $2, claimed_at = $3 WHERE id = $1 AND claimed_at IS NULL"
LEFT = """
    SELECT provider_sid AS sid, numbers, from_number, body, received_at FROM unclaimed_text
     WHERE claimed_at IS NULL AND organization_id IS NULL ORDER BY received_at DESC LIMIT 200
"""
GIVE = """
    UPDATE unclaimed_text SET organization_id = $2, looked_at = NULL
     WHERE provider_sid = $1 AND claimed_at IS NULL AND organization_id IS NULL
    RETURNING true
"""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A text as the provider brought it. `numbers`: what it was sent to, and the messaging service that is in."""

    sid: str
    numbers: Sequence[str]
    from_number: str
    body: str
    received_at: datetime


class Unclaimed(msgspec.Struct, frozen=True, kw_only=True):
    """One that waits. `organization_id`: a person said whose it is. `is_new`: nobody has been told of it."""

    id: uuid.UUID
    provider_sid: str
    numbers: list[str]
    from_number: str
    from_hash: bytes
    body: str
    received_at: datetime
    organization_id: uuid.UUID | None
    is_new: bool


async def keep(db: Db, text: Arrived, from_hash: bytes) -> None:
    """Once, however often the provider brings it; a door takes it, for it is no organization's."""
    numbers = list(text.numbers)
    await db.execute(KEEP, uuid7(), text.sid, numbers, text.from_number, from_hash, text.body, text.received_at)


async def look(db: Db, now: datetime) -> list[Unclaimed]:
    """Those whose turn it is, locked until the transaction ends."""
    return [Unclaimed(**dict(row)) for row in await db.fetch(LOOK, now, now - AGAIN_AFTER)]


async def claim(db: Db, text: uuid.UUID, organization: uuid.UUID, now: datetime) -> None:
    await db.execute(CLAIM, text, organization, now)


async def left(db: Db) -> list[Arrived]:
    """The newest of those that nobody knows what to do with; asked as a service, for the web sees none."""
    return [Arrived(**dict(row)) for row in await db.fetch(LEFT)]


async def give(db: Db, sid: str, organization: uuid.UUID) -> bool:
    """A person says whose it is; the worker hands it on. False when there is no such text any more."""
    return await db.fetchval(GIVE, sid, organization) is True
