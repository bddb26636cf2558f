"""A code that was sent to a number or address: whoever reads it back holds it. Five tries, a quarter of an hour."""

import secrets
import uuid
from datetime import datetime, timedelta

from server.db.ids import uuid7
from server.db.pool import Db
from server.people.contact_points import PointChannel

LASTS = timedelta(minutes=15)
NOT_SOONER = timedelta(minutes=1)
TRIES = 5

MAKE = """
    INSERT INTO contact_code (id, organization_id, patient_id, channel, address_hash, code, made_at, expires_at)
    SELECT $2, p.organization_id, p.id, $3, $4, $5, $6, $7 FROM patient p
     WHERE p.id = $1 AND NOT EXISTS (SELECT FROM contact_code c
                                      WHERE c.patient_id = $1 AND c.address_hash = $4 AND c.made_at > $8)
    RETURNING id
"""


async def make(
    db: Db, patient: uuid.UUID, channel: PointChannel, address_hash: bytes, now: datetime
) -> tuple[uuid.UUID, str] | None:
    """(its id, the six digits); None when one was made a moment ago."""
    code = f"{secrets.randbelow(1_000_000):06}"
    made: uuid.UUID | None = await db.fetchval(
        MAKE, patient, uuid7(), channel, address_hash, code, now, now + LASTS, now - NOT_SOONER
    )
    return (made, code) if made else None


# Every try counts, in one statement with the look at the code: two at once cannot both be the fifth.
TRY = """
    UPDATE contact_code SET tries = tries + 1, used_at = CASE WHEN code = $3 THEN $4 END
     WHERE patient_id = $1 AND tries < $5 AND used_at IS NULL AND expires_at > $4
       AND id = (SELECT id FROM contact_code WHERE patient_id = $1 AND address_hash = $2 ORDER BY made_at DESC LIMIT 1)
    RETURNING used_at IS NOT NULL
"""


async def check(db: Db, patient: uuid.UUID, address_hash: bytes, typed: str, now: datetime) -> bool | None:
    """None: there is no code to type any more, and a new one must be sent."""
    found: bool | None = await db.fetchval(TRY, patient, address_hash, typed, now, TRIES)
    return found


OPEN = """
    SELECT DISTINCT address_hash FROM contact_code
     WHERE patient_id = $1 AND used_at IS NULL AND expires_at > $2 AND tries < $3
"""


async def waiting(db: Db, patient: uuid.UUID, now: datetime) -> set[bytes]:
    """Hashes of where a code was sent that may still be typed."""
    return {row["address_hash"] for row in await db.fetch(OPEN, patient, now, TRIES)}
