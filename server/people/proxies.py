"""A proxy is somebody who cares for a patient and hears for them: named by staff, with a consent of their own."""

import uuid
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """Ended when `valid_to` is set. `zone` and `region`: where they live, when not where the patient does."""

    id: uuid.UUID
    name: str
    relation: str
    zone: str | None
    region: str | None
    valid_from: datetime
    valid_to: datetime | None


OF = """
    SELECT id, name, relation, zone, region, valid_from, valid_to FROM proxy
     WHERE patient_id = $1 ORDER BY valid_to DESC NULLS FIRST, valid_from, id LIMIT 50
"""


async def of(db: Db, patient: uuid.UUID) -> list[Proxy]:
    """Those who are, then those who were."""
    return [Proxy(**dict(row)) for row in await db.fetch(OF, patient)]


ADD = """
    INSERT INTO proxy (id, organization_id, patient_id, name, relation, author, valid_from, zone, region)
    SELECT $2, p.organization_id, p.id, $3, $4, $5, $6, $7, $8 FROM patient p WHERE p.id = $1
    RETURNING id
"""


async def add(
    db: Db, patient: uuid.UUID, name: str, relation: str, author: str, now: datetime, *, zone: str | None = None,
    region: str | None = None,
) -> uuid.UUID:  # fmt: skip
    """Without a zone they live where the patient does; with one and no region, their state is not known."""
    made: uuid.UUID = await db.fetchval(ADD, patient, uuid7(), name, relation, author, now, zone, region)
    return made


END = """
    UPDATE proxy SET valid_to = $3, ended_by = $4 WHERE patient_id = $1 AND id = $2 AND valid_to IS NULL RETURNING true
"""


async def end(db: Db, patient: uuid.UUID, proxy: uuid.UUID, author: str, now: datetime) -> bool:
    """False when they were none."""
    return await db.fetchval(END, patient, proxy, now, author) is True


AGAIN = "UPDATE proxy SET valid_to = NULL, ended_by = NULL WHERE patient_id = $1 AND id = $2 RETURNING valid_to"
WAS = "SELECT valid_to FROM proxy WHERE patient_id = $1 AND id = $2 AND valid_to IS NOT NULL FOR UPDATE"


async def again(db: Db, patient: uuid.UUID, proxy: uuid.UUID) -> datetime | None:
    """When they had ended, which is undone; None when they are a proxy, or never were."""
    ended: datetime | None = await db.fetchval(WAS, patient, proxy)
    if ended is not None:
        await db.execute(AGAIN, patient, proxy)
    return ended
