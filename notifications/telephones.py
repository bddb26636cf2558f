"""What a provider told us of a number: that it cannot be texted or called, whoever shares it.

An e-mail address is kept as a number is: what "cannot be texted" cannot be written to.
"""

import uuid
from datetime import datetime
from typing import Any

CANNOT_TEXT = """
    INSERT INTO telephone AS t (organization_id, phone_hash, line_type, cannot_text, changed_at)
    VALUES ($1, $2, CASE WHEN $4 THEN 'landline' ELSE 'unknown' END, $3, $5)
    ON CONFLICT (organization_id, phone_hash) DO UPDATE
       SET cannot_text = coalesce(t.cannot_text, excluded.cannot_text), changed_at = excluded.changed_at,
           line_type = CASE WHEN $4 THEN 'landline' ELSE t.line_type END
     WHERE t.cannot_text IS NULL OR $4 AND t.line_type <> 'landline'
    RETURNING true
"""
CANNOT_CALL = """
    INSERT INTO telephone AS t (organization_id, phone_hash, cannot_call, changed_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, phone_hash) DO UPDATE SET cannot_call = $3, changed_at = $4
     WHERE t.cannot_call IS NULL
    RETURNING true
"""
# The newest that anything is known of: a number that was reached since is there again.
UNREACHED = """
    SELECT count(*) FILTER (WHERE n.status = 'failed' AND n.reason = $3) FROM (
        SELECT m.status, m.reason FROM message m
         WHERE m.patient_id = $1 AND m.to_hash = $2 AND m.channel = 'sms' AND m.status IN ('delivered', 'failed')
         ORDER BY m.created_at DESC LIMIT 3) AS n
"""

# Since somebody last picked up; of calls that failed with a code the number is marked.
UNANSWERED = """
    SELECT count(*) FROM message m
     WHERE m.patient_id = $1 AND m.to_hash = $2 AND m.channel = 'voice' AND m.status = 'failed' AND m.reason IS NULL
       AND NOT EXISTS (SELECT FROM message n
                        WHERE n.patient_id = $1 AND n.to_hash = $2 AND n.channel = 'voice' AND n.status = 'delivered'
                          AND n.created_at > m.created_at)
"""


async def cannot_text(
    db: Any, organization: uuid.UUID, phone_hash: bytes, code: str, now: datetime, *, landline: bool
) -> bool:
    """True when that is news."""
    return await db.fetchval(CANNOT_TEXT, organization, phone_hash, code, landline, now) is True


async def cannot_call(db: Any, organization: uuid.UUID, phone_hash: bytes, code: str, now: datetime) -> bool:
    """True when that is news."""
    return await db.fetchval(CANNOT_CALL, organization, phone_hash, code, now) is True


async def unreached(db: Any, patient: uuid.UUID, phone_hash: bytes, code: str) -> int:
    """How many of the newest three texts to them failed for this reason."""
    return int(await db.fetchval(UNREACHED, patient, phone_hash, code))


async def unanswered(db: Any, patient: uuid.UUID, phone_hash: bytes) -> int:
    """How many calls in a row nobody picked up, up to now."""
    return int(await db.fetchval(UNANSWERED, patient, phone_hash))
