"""The hours in which a patient wants reminders, recorded, and the state whose law holds for them."""

import uuid
from datetime import datetime, time

import msgspec

from server.db.pool import Db

OPENS, CLOSES = time(8), time(21)  # 47 CFR 64.1200(c)(1), while nobody asked for other hours


class OwnHours(msgspec.Struct, frozen=True, kw_only=True):
    """On the patient's own clock. `author` is a principal, None while nobody recorded anything."""

    opens: time = OPENS
    closes: time = CLOSES
    author: str | None = None
    changed_at: datetime | None = None
    region: str | None = None


OF = """
    SELECT coalesce(f.opens, $2) AS opens, coalesce(f.closes, $3) AS closes, f.author, f.changed_at, p.region
      FROM patient p LEFT JOIN contact_preference f ON f.patient_id = p.id
     WHERE p.id = $1
"""


async def of(db: Db, patient: uuid.UUID) -> OwnHours:
    """The usual hours for a patient who never said anything."""
    return OwnHours(**dict(await db.fetchrow(OF, patient, OPENS, CLOSES)))


PREFER = """
    INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (patient_id) DO UPDATE
       SET opens = excluded.opens, closes = excluded.closes, author = excluded.author, changed_at = excluded.changed_at
     WHERE (contact_preference.opens, contact_preference.closes) <> (excluded.opens, excluded.closes)
    RETURNING patient_id
"""


async def prefer(
    db: Db, organization: uuid.UUID, patient: uuid.UUID, hours: tuple[time, time], author: str, now: datetime
) -> bool:  # fmt: skip
    """False when these are their hours already. What else they prefer stays."""
    return await db.fetchval(PREFER, patient, organization, *hours, author, now) is not None


LIVES_IN = "UPDATE patient SET region = $2 WHERE id = $1 AND region IS DISTINCT FROM $2 RETURNING id"


async def lives_in(db: Db, patient: uuid.UUID, region: str | None) -> bool:
    """The US state by its two letters; False when it was so already."""
    return await db.fetchval(LIVES_IN, patient, region) is not None
