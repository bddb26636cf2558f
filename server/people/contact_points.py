"""A contact point is a further way to a patient: a number or address, whose it is, since when; ended, never deleted."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.people.consent import Topic
from server.people.patients import Language

PointChannel = Literal["sms", "voice", "email"]


class NewPoint(msgspec.Struct, frozen=True, kw_only=True):
    """`proxy_id` and `topics` belong together: a proxy agrees for themselves to what they hear about."""

    channel: PointChannel
    address: str
    hash: bytes
    language: Language
    proxy_id: uuid.UUID | None = None
    topics: Sequence[Topic] = ()
    source: str = "staff"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One as staff see it; `proxy` is the proxy's name. Ended when `valid_to` is set."""

    id: uuid.UUID
    channel: PointChannel
    address: str
    hash: bytes
    language: Language
    rank: int
    topics: list[Topic]
    proxy_id: uuid.UUID | None
    proxy: str | None
    source: str
    valid_from: datetime
    valid_to: datetime | None
    verified_at: datetime | None


OF = """
    SELECT k.id, k.channel, k.address, k.address_hash AS hash, k.language, k.rank, k.topics, k.proxy_id,
           x.name AS proxy, k.source, k.valid_from, k.valid_to, k.verified_at
      FROM contact_point k LEFT JOIN proxy x ON x.id = k.proxy_id
     WHERE k.patient_id = $1 ORDER BY k.valid_to DESC NULLS FIRST, k.rank, k.id LIMIT 100
"""


async def of(db: Db, patient: uuid.UUID) -> list[Point]:
    """Those in use by rank, then what was used before, the latest first."""
    return [Point(**dict(row)) for row in await db.fetch(OF, patient)]


ADD = """
    INSERT INTO contact_point (id, organization_id, patient_id, proxy_id, channel, address, address_hash, language,
                               rank, topics, author, source, valid_from)
    SELECT $2, p.organization_id, p.id, $3, $4, $5, $6, $7,
           (SELECT coalesce(max(k.rank), 0) + 1 FROM contact_point k WHERE k.patient_id = p.id AND k.valid_to IS NULL),
           $8, $9, $10, $11
      FROM patient p WHERE p.id = $1
    ON CONFLICT (patient_id, channel, address_hash) WHERE valid_to IS NULL DO NOTHING
    RETURNING id
"""


async def add(db: Db, patient: uuid.UUID, new: NewPoint, author: str, now: datetime) -> uuid.UUID | None:
    """After those there are; None when it is in use already."""
    made: uuid.UUID | None = await db.fetchval(
        ADD, patient, uuid7(), new.proxy_id, new.channel, new.address, new.hash, new.language, list(new.topics), author,
        new.source, now,
    )  # fmt: skip
    return made


END = """
    UPDATE contact_point SET valid_to = $3, ended_by = $4 WHERE patient_id = $1 AND id = $2 AND valid_to IS NULL
    RETURNING true
"""


async def end(db: Db, patient: uuid.UUID, point: uuid.UUID, author: str, now: datetime) -> bool:
    """False when it was not in use."""
    return await db.fetchval(END, patient, point, now, author) is True


END_OF_PROXY = """
    UPDATE contact_point SET valid_to = $3, ended_by = $4
     WHERE patient_id = $1 AND proxy_id = $2 AND valid_to IS NULL
"""


async def end_of_proxy(db: Db, patient: uuid.UUID, proxy: uuid.UUID, author: str, now: datetime) -> None:
    """Whoever is a proxy no longer hears nothing more."""
    await db.execute(END_OF_PROXY, patient, proxy, now, author)


VERIFY = """
    UPDATE contact_point SET verified_at = $3 WHERE patient_id = $1 AND address_hash = $2 AND valid_to IS NULL
"""


async def verify(db: Db, patient: uuid.UUID, address_hash: bytes, now: datetime) -> None:
    """Somebody read back the code that was sent there."""
    await db.execute(VERIFY, patient, address_hash, now)


OWN_NUMBER = """
    UPDATE patient SET phone = $2, phone_hash = $3 WHERE id = $1 AND phone IS DISTINCT FROM $2 RETURNING true
"""


async def set_own_number(db: Db, patient: uuid.UUID, phone: str | None, hashed: bytes | None) -> bool:
    """False when it was theirs already. What is known of a number stays with the number (`telephones`)."""
    return await db.fetchval(OWN_NUMBER, patient, phone, hashed) is True


AGAIN = """
    INSERT INTO contact_point (id, organization_id, patient_id, proxy_id, channel, address, address_hash, language,
                               rank, topics, author, source, valid_from)
    SELECT gen_random_uuid(), k.organization_id, k.patient_id, k.proxy_id, k.channel, k.address, k.address_hash,
           k.language, k.rank, k.topics, $4, 'staff', $5
      FROM contact_point k
     WHERE k.patient_id = $1 AND (k.id = $2 OR k.proxy_id = $3 AND k.valid_to = $6)
       AND k.valid_to IS NOT NULL
       AND (k.proxy_id IS NULL OR EXISTS (SELECT FROM proxy x WHERE x.id = k.proxy_id AND x.valid_to IS NULL))
    ON CONFLICT (patient_id, channel, address_hash) WHERE valid_to IS NULL DO NOTHING
    RETURNING id
"""


async def again(db: Db, patient: uuid.UUID, point: uuid.UUID, author: str, now: datetime) -> bool:
    """Use one that was ended as it was. False when that cannot be: in use already, or its proxy is none any more."""
    return bool(await db.fetch(AGAIN, patient, point, None, author, now, None))


async def again_of_proxy(
    db: Db, patient: uuid.UUID, proxy: uuid.UUID, ended: datetime, author: str, now: datetime
) -> None:
    """Those that ended when their proxy ended."""
    await db.execute(AGAIN, patient, None, proxy, author, now, ended)


FORMER = """
    INSERT INTO contact_point (id, organization_id, patient_id, channel, address, address_hash, language, rank, author,
                               source, valid_from, valid_to, ended_by)
    SELECT $2, p.organization_id, p.id, 'sms', $3, $4, p.language, 0, $5, 'own_number', p.admitted_at, $6, $5
      FROM patient p WHERE p.id = $1
"""


async def keep_former(db: Db, patient: uuid.UUID, number: str, hashed: bytes, author: str, now: datetime) -> None:
    """The own number until now stands among those used before, so that the change can be undone."""
    await db.execute(FORMER, patient, uuid7(), number, hashed, author, now)
