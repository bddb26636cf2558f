"""Whom a telephone number belongs to: perhaps several people, for spouses share phones."""

import uuid

import msgspec

from server.db.pool import Db


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A patient reached by a number, and how to speak to them."""

    patient_id: uuid.UUID
    team_id: uuid.UUID
    mrn: str
    language: str


BY_PHONE = """
    SELECT id AS patient_id, team_id, mrn, language FROM patient
     WHERE organization_id = $1 AND phone_hash = $2
     ORDER BY monitoring_status = 'active' DESC, admitted_at DESC, id
"""


async def by_phone(db: Db, organization: uuid.UUID, phone_hash: bytes) -> list[Contact]:
    """Those still followed first."""
    return [Contact(**dict(row)) for row in await db.fetch(BY_PHONE, organization, phone_hash)]
