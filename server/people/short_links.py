"""A link in a text carries a token and nothing else; it leads its own patient, once, to one page of the portal."""

import hashlib
import secrets
import string
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.pool import Db

# Letters and digits only: telephones leave a "-" or "_" at the end out of a link. 65 bits, and a text stays short.
ALPHABET = string.ascii_letters + string.digits
LETTERS = 11
LASTS = timedelta(days=14)


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """`leads_to` is a path of the portal."""

    token: str
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    message_id: uuid.UUID
    leads_to: str


def token() -> str:
    """Letters that need no escaping. Guessing one would lead nowhere without signing in as its patient."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))


MAKE = """
    INSERT INTO short_link (token_hash, organization_id, patient_id, message_id, leads_to, made_at, expires_at)
    SELECT n.*, $6, $7 FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS n
"""


async def make(db: Db, links: Sequence[NewLink], now: datetime) -> None:
    """In the commit that writes their messages."""
    if links:
        rows = [(_hash(x.token), x.organization_id, x.patient_id, x.message_id, x.leads_to) for x in links]
        await db.execute(MAKE, *map(list, zip(*rows, strict=True)), now, now + LASTS)


USE = """
    UPDATE short_link SET used_at = $3
     WHERE patient_id = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > $3
    RETURNING leads_to
"""


async def use(db: Db, patient: uuid.UUID, asked: str, now: datetime) -> str | None:
    """Where it leads, for the first who uses it in time; `None` tells nothing of whether there is such a link."""
    found: str | None = await db.fetchval(USE, patient, _hash(asked), now)
    return found


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
