"""Who does not want our texts: by (our number, hash of theirs), as a carrier blocks, and by whom they told."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

Via = Literal["keyword", "wording", "provider", "staff", "call", "email"]
CARRIERS: tuple[Via, ...] = ("keyword", "provider")  # the carrier blocks the number, not we alone

RECORD = """
    INSERT INTO opt_out (sender_number, phone_hash, organization_id, opted_out_at, via)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (sender_number, phone_hash, organization_id) DO UPDATE
       SET opted_out_at = excluded.opted_out_at, via = excluded.via, ended_at = NULL
     WHERE opt_out.ended_at IS NOT NULL
    RETURNING true
"""
# Only a START from that telephone ends what the carrier blocks, however the opt-out began.
BLOCKED = """
    UPDATE opt_out SET via = $4
     WHERE organization_id = $1 AND sender_number = $2 AND phone_hash = $3 AND ended_at IS NULL
       AND via <> ALL($5::text[])
"""
# What was recorded while no sender was set counts for every sender, so it ends with them.
END = """
    UPDATE opt_out SET ended_at = $4
     WHERE organization_id = $1 AND sender_number IN ($2, '') AND phone_hash = $3 AND ended_at IS NULL
    RETURNING true
"""
START = "SELECT door_opt_in($1, $2, $3, $4)"
REOPEN = """
    UPDATE opt_out n SET opted_out_at = o.opted_out_at, via = o.via, ended_at = NULL
      FROM opt_out o
     WHERE o.organization_id = $1 AND o.sender_number = ANY($2::text[]) AND o.ended_at IS NULL
       AND n.organization_id = $1 AND n.sender_number = $3 AND n.phone_hash = o.phone_hash
       AND n.ended_at < o.opted_out_at
"""
CARRY = """
    INSERT INTO opt_out (sender_number, phone_hash, organization_id, opted_out_at, via)
    SELECT DISTINCT ON (o.phone_hash) $3, o.phone_hash, o.organization_id, o.opted_out_at, o.via FROM opt_out o
     WHERE o.organization_id = $1 AND o.sender_number = ANY($2::text[]) AND o.sender_number <> $3
       AND o.ended_at IS NULL AND NOT EXISTS (
           SELECT FROM opt_out e WHERE e.organization_id = $1 AND e.phone_hash = o.phone_hash
              AND e.sender_number = ANY($2::text[]) AND e.ended_at > o.opted_out_at)
     ORDER BY o.phone_hash, o.opted_out_at DESC
    ON CONFLICT (sender_number, phone_hash, organization_id) DO NOTHING
"""


async def record(
    db: Any, organization: uuid.UUID, sender_number: str, phone_hash: bytes, via: Via, now: datetime
) -> bool:
    """True when it is new; asking again changes nothing, but that a carrier's block is known as one from then on."""
    if await db.fetchval(RECORD, sender_number, phone_hash, organization, now, via) is True:
        return True
    if via in CARRIERS:
        await db.execute(BLOCKED, organization, sender_number, phone_hash, via, list(CARRIERS))
    return False


async def end(db: Any, organization: uuid.UUID, sender_number: str, phone_hash: bytes, now: datetime) -> bool:
    """They told this organization that they want texts again; True when there was an opt-out to end."""
    return await db.fetchval(END, organization, sender_number, phone_hash, now) is True


async def start(db: Any, organization: uuid.UUID, sender_number: str, phone_hash: bytes, now: datetime) -> bool:
    """The telephone itself texted START: our number may write to it again, whichever organization it writes for."""
    return await db.fetchval(START, organization, sender_number, phone_hash, now) is True


async def carry(db: Any, organization: uuid.UUID, before: Collection[str], after: str) -> None:
    """Who opted out of texts from one of `before` has opted out of those from `after`, unless they came back since."""
    await db.execute(REOPEN, organization, sorted(before), after)
    await db.execute(CARRY, organization, sorted(before), after)
