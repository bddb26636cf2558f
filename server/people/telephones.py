"""What is known of a number, whoever shares it: its line, whether it can be texted, who opted out, who holds it."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db

LineType = Literal["unknown", "mobile", "landline", "voip"]
LANDLINE = "landline"  # why a landline cannot be texted, when a person says so


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One number or address. `shared`: the record numbers of others who are reached there.

    `opted_out_elsewhere`: they told another organization that texts from the same number of ours.
    """

    line_type: LineType = "unknown"
    cannot_text: str | None = None
    cannot_call: str | None = None
    changed_at: datetime | None = None
    verified_at: datetime | None = None
    opted_out_at: datetime | None = None
    opted_out_via: str | None = None
    opted_out_elsewhere: bool = False
    shared: list[str] = []

    @property
    def blocked_by_carrier(self) -> bool:
        """Only a START from that telephone ends it."""
        return self.opted_out_via in {"keyword", "provider"}

    @property
    def only_start_ends_it(self) -> bool:
        return self.blocked_by_carrier or self.opted_out_elsewhere


OF = """
    SELECT h.hash, coalesce(t.line_type, 'unknown') AS line_type, t.cannot_text, t.cannot_call, t.changed_at,
           t.verified_at, x.opted_out_at, x.via AS opted_out_via, coalesce(x.elsewhere, false) AS opted_out_elsewhere,
           ARRAY(SELECT p.mrn FROM patient p WHERE p.organization_id = $2 AND p.phone_hash = h.hash AND p.id <> $1
                 UNION
                 SELECT p.mrn FROM contact_point k JOIN patient p ON p.id = k.patient_id
                  WHERE k.organization_id = $2 AND k.address_hash = h.hash AND k.valid_to IS NULL AND p.id <> $1
                  ORDER BY mrn) AS shared
      FROM unnest($3::bytea[]) AS h (hash)
      LEFT JOIN telephone t ON t.organization_id = $2 AND t.phone_hash = h.hash
      LEFT JOIN LATERAL (
           SELECT * FROM door_opt_out($2, $4, h.hash)
           UNION ALL
           SELECT * FROM door_opt_out($2, 'email:' || $2::text, h.hash)
            LIMIT 1) AS x ON true
"""


async def of(
    db: Db, patient: uuid.UUID, organization: uuid.UUID, hashes: Sequence[bytes], sender: str
) -> dict[bytes, Known]:
    """By hash; `sender` is the number of ours that texts and calls come from."""
    rows = [dict(row) for row in await db.fetch(OF, patient, organization, list(hashes), sender)]
    return {row.pop("hash"): Known(**row) for row in rows}


SENDER = "SELECT coalesce(sender_number, $2) FROM organization WHERE id = $1"


async def sender_of(db: Db, organization: uuid.UUID, default_sender: str) -> str:
    """The number of ours by which an opt-out is kept."""
    return str(await db.fetchval(SENDER, organization, default_sender))


SET_LINE = """
    INSERT INTO telephone AS t (organization_id, phone_hash, line_type, cannot_text, changed_at)
    VALUES ($1, $2, $3, CASE WHEN $3 = 'landline' THEN 'landline' END, $4)
    ON CONFLICT (organization_id, phone_hash) DO UPDATE
       SET line_type = $3, changed_at = $4,
           cannot_text = CASE WHEN $3 = 'landline' THEN coalesce(t.cannot_text, 'landline')
                              ELSE nullif(t.cannot_text, 'landline') END
     WHERE t.line_type <> $3
    RETURNING true
"""


async def set_line(db: Db, organization: uuid.UUID, hashed: bytes, line: LineType, now: datetime) -> bool:
    """A landline is called, never texted. False when that was known."""
    return await db.fetchval(SET_LINE, organization, hashed, line, now) is True


SET_TEXT = """
    INSERT INTO telephone AS t (organization_id, phone_hash, cannot_text, changed_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, phone_hash) DO UPDATE
       SET cannot_text = $3, changed_at = $4,
           cannot_call = CASE WHEN $3 IS NULL THEN NULL ELSE t.cannot_call END,
           line_type = CASE WHEN $3 IS NULL AND t.line_type = 'landline' THEN 'unknown' ELSE t.line_type END
     WHERE t.cannot_text IS DISTINCT FROM $3 OR $3 IS NULL AND t.cannot_call IS NOT NULL
    RETURNING true
"""


async def set_cannot_text(db: Db, organization: uuid.UUID, hashed: bytes, why: str | None, now: datetime) -> bool:
    """`why` None: try it again, by text and by call. False when nothing changed."""
    return await db.fetchval(SET_TEXT, organization, hashed, why, now) is True


VERIFY = """
    INSERT INTO telephone AS t (organization_id, phone_hash, verified_at, changed_at) VALUES ($1, $2, $3, $3)
    ON CONFLICT (organization_id, phone_hash) DO UPDATE SET verified_at = $3
"""


async def verify(db: Db, organization: uuid.UUID, hashed: bytes, now: datetime) -> None:
    """Somebody read back the code that was sent there."""
    await db.execute(VERIFY, organization, hashed, now)
