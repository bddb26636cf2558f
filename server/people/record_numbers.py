"""A record number names one patient of an organization; it is what tables and letters carry."""

import uuid
from collections.abc import Sequence

import msgspec

from server.db.pool import Db


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    organization_id: uuid.UUID


KNOWN = "SELECT mrn, id, organization_id FROM patient WHERE mrn = ANY($1) AND NOT synthetic"


async def known(db: Db, mrns: Sequence[str]) -> dict[str, Numbered]:
    """The asker's patients by record number; what is nobody's is left out."""
    return {
        row["mrn"]: Numbered(id=row["id"], organization_id=row["organization_id"])
        for row in await db.fetch(KNOWN, list(mrns))
    }
