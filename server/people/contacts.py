"""Whom a telephone number belongs to: perhaps several people, for spouses share phones, and proxies have theirs."""

import uuid

import msgspec

from server.db.pool import Db


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A patient reached by a number, and how to speak to whoever holds it. `proxy_id`: it is their proxy's number."""

    patient_id: uuid.UUID
    team_id: uuid.UUID
    mrn: str
    language: str
    given_name: str = ""
    proxy_id: uuid.UUID | None = None


BY_PHONE = """
    WITH found AS (
        SELECT id AS patient_id, NULL::uuid AS proxy_id, NULL::text AS language, 0 AS rank FROM patient
         WHERE organization_id = $1 AND phone_hash = $2
        UNION ALL
        SELECT patient_id, proxy_id, language, rank + CASE WHEN proxy_id IS NULL THEN 1 ELSE 1000 END
          FROM contact_point
         WHERE organization_id = $1 AND address_hash = $2 AND valid_to IS NULL AND channel IN ('sms', 'voice')),
    one AS (SELECT DISTINCT ON (patient_id) patient_id, proxy_id, language FROM found ORDER BY patient_id, rank)
    SELECT p.id AS patient_id, p.team_id, p.mrn, coalesce(o.language, p.language) AS language, p.given_name, o.proxy_id
      FROM one o JOIN patient p ON p.id = o.patient_id
     ORDER BY o.proxy_id IS NOT NULL, p.monitoring_status = 'active' DESC, p.admitted_at DESC, p.id
"""


async def by_phone(db: Db, organization: uuid.UUID, phone_hash: bytes) -> list[Contact]:
    """Those whose own number it is first, and of them those still followed."""
    return [Contact(**dict(row)) for row in await db.fetch(BY_PHONE, organization, phone_hash)]
