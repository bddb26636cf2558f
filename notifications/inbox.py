"""Texts that came in: stored first, handled second, each exactly once however often the provider delivers it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

STORE = """
    INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, patient_id,
        received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'other', $8, $9)
    ON CONFLICT (provider_sid) DO NOTHING
    RETURNING true
"""
# The lock makes a second handler wait, and then find nothing left to do.
TAKE = """
    SELECT id, organization_id, from_hash, from_number, to_number, body, patient_id, received_at FROM reply
     WHERE provider_sid = $1 AND handled_at IS NULL FOR UPDATE
"""
# Two texts from one number at once: what the second means may hang on what became of the first.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('texts:' || $1 || encode($2, 'hex'), 0))"
HANDLED = "UPDATE reply SET handled_at = $2, gap_id = $3, meaning = $4 WHERE id = $1"
LEFT_OVER = "SELECT provider_sid FROM reply WHERE handled_at IS NULL AND received_at < $1 ORDER BY received_at LIMIT 50"
HANDLED_AFTER = timedelta(seconds=30)


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """One text as the provider brought it."""

    sid: str
    from_number: str
    to_number: str
    body: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One stored text that nobody has acted on yet."""

    id: uuid.UUID
    organization_id: uuid.UUID
    from_hash: bytes
    from_number: str
    to_number: str
    body: str
    patient_id: uuid.UUID | None
    received_at: datetime


async def store(
    db: Any,
    reply: uuid.UUID,
    organization: uuid.UUID,
    inbound: Inbound,
    *,
    from_hash: bytes,
    patient: uuid.UUID | None,
    now: datetime,
) -> bool:
    """False when the provider brought it before. What it means is found out afterwards: first it must not be lost."""
    numbers = (inbound.from_number, inbound.to_number, inbound.body)
    values = (reply, organization, inbound.sid, from_hash, *numbers, patient, now)
    return await db.fetchval(STORE, *values) is True


async def take(db: Any, sid: str) -> Reply | None:
    """The reply, locked until the transaction ends; `None` when it is handled already."""
    row = await db.fetchrow(TAKE, sid)
    return Reply(**dict(row)) if row else None


async def one_at_a_time(db: Any, reply: Reply) -> None:
    """Until the transaction ends nobody else acts on a text from this number."""
    await db.execute(ONE_AT_A_TIME, str(reply.organization_id), reply.from_hash)


async def handled(db: Any, reply: uuid.UUID, meaning: str, now: datetime, gap: uuid.UUID | None = None) -> None:
    """`meaning`: as it was acted on, after the question that it answers."""
    await db.execute(HANDLED, reply, now, gap, meaning)


async def left_over(db: Any, now: datetime) -> list[str]:
    """The provider's ids of replies that were stored but not acted on: a process died in between."""
    return [row["provider_sid"] for row in await db.fetch(LEFT_OVER, now - HANDLED_AFTER)]
