"""Who does not want our texts: keyed by (our number, hash of theirs), because that is what a carrier blocks."""

import uuid
from datetime import datetime
from typing import Any, Literal

Via = Literal["keyword", "wording", "provider", "staff", "call", "email"]

RECORD = """
    INSERT INTO opt_out (sender_number, phone_hash, organization_id, opted_out_at, via)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (sender_number, phone_hash) DO UPDATE
       SET opted_out_at = excluded.opted_out_at, via = excluded.via, ended_at = NULL
     WHERE opt_out.ended_at IS NOT NULL
    RETURNING true
"""
END = """
    UPDATE opt_out SET ended_at = $3
     WHERE sender_number = $1 AND phone_hash = $2 AND ended_at IS NULL
    RETURNING true
"""


async def record(
    db: Any, organization: uuid.UUID, sender_number: str, phone_hash: bytes, via: Via, now: datetime
) -> bool:
    """True when it is new; asking again changes nothing, so it is confirmed once."""
    return await db.fetchval(RECORD, sender_number, phone_hash, organization, now, via) is True


async def end(db: Any, sender_number: str, phone_hash: bytes, now: datetime) -> bool:
    """True when there was one to end."""
    return await db.fetchval(END, sender_number, phone_hash, now) is True
