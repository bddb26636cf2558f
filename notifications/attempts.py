"""One call to the provider: written before the call, so a crash leaves an attempt whose outcome is unknown."""

import uuid
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["accepted", "rejected", "unknown"]

# Nothing is written when the claim was taken back meanwhile; the caller then must not call the provider.
START = """
    INSERT INTO attempt (id, organization_id, message_id, provider, started_at)
    SELECT $1, organization_id, id, $4, $5 FROM message
     WHERE id = $2 AND status = 'sending' AND claimed_at = $3
       FOR UPDATE
    RETURNING true
"""
FINISH = """
    UPDATE attempt SET outcome = $2, provider_sid = coalesce(provider_sid, $3), error_code = $4, finished_at = $5
     WHERE id = $1 AND outcome IN ('started', 'unknown')
    RETURNING true
"""
EARLIER = "SELECT count(*) FROM attempt WHERE message_id = $1"
KNOWN_SIDS = "SELECT provider_sid FROM attempt WHERE provider_sid = ANY($1::text[])"


async def start(
    db: Any, attempt: uuid.UUID, message: uuid.UUID, claimed_at: datetime, provider: str, now: datetime
) -> bool:
    """False when the message is no longer ours to send."""
    return await db.fetchval(START, attempt, message, claimed_at, provider, now) is True


async def finish(
    db: Any, attempt: uuid.UUID, outcome: Outcome, now: datetime, *, sid: str | None = None, code: str | None = None
) -> bool:
    """False when the outcome was settled before, as by a callback that overtook the provider's answer."""
    return await db.fetchval(FINISH, attempt, outcome, sid, code, now) is True


async def count(db: Any, message: uuid.UUID) -> int:
    """How often the provider was called for this message."""
    return int(await db.fetchval(EARLIER, message))


async def known(db: Any, sids: list[str]) -> set[str]:
    """Those of the provider's messages that belong to an attempt already."""
    return {row["provider_sid"] for row in await db.fetch(KNOWN_SIDS, sids)}
