"""Every look at health data and every change, in an append-only chain whose tampering shows.

Requests add plain rows in their own transaction. The sealer chains them afterwards: per organization, in the
order (transaction id, id), only below the oldest transaction still running, so nothing can slip in before a
sealed row. The last hash also goes to a file outside the database, so a cut tail shows as well.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db, Who

SEAL_LOCK: Final = 4_207_100_003  # one sealer at a time, whatever the number of workers
BATCH: Final = 2_000

NOTE = """
    INSERT INTO audit (id, organization_id, at, principal, action, subject, patient_id, allowed, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def note(
    db: Db,
    who: Who,
    organization: uuid.UUID,
    action: str,
    subject: str,
    now: datetime,
    *,
    patient: uuid.UUID | None = None,
    allowed: bool = True,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add one row; it becomes true with the transaction. `detail` carries ids and codes, no free text."""
    row = (uuid7(), organization, now, who.principal, action, subject, patient, allowed, detail or {})
    await db.execute(NOTE, *row)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An audit row as the chain sees it; these names and values are what is hashed, for ever."""

    id: uuid.UUID
    organization_id: uuid.UUID
    txid: int
    at: datetime
    principal: str
    action: str
    subject: str
    patient_id: uuid.UUID | None
    allowed: bool
    detail: dict[str, Any]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest link of one organization's chain."""

    organization: uuid.UUID
    position: int
    hash: str
    sealed_at: datetime


def first_link(organization: uuid.UUID) -> bytes:
    """What the first row is chained to, so that no chain can be passed off as another organization's."""
    return hashlib.sha256(organization.bytes).digest()


def link(previous: bytes, entry: Entry) -> bytes:
    """SHA-256(previous hash, the row in canonical form: UTC, sorted keys)."""
    canonical = msgspec.structs.replace(entry, at=entry.at.astimezone(UTC))
    return hashlib.sha256(previous + msgspec.json.encode(canonical, order="sorted")).digest()


LOCK = "SELECT pg_advisory_xact_lock($1)"

# Below the oldest running transaction everything has ended, so this order can never change afterwards.
UNSEALED = """
    SELECT a.id, a.organization_id, a.txid::text::bigint AS txid, a.at, a.principal, a.action, a.subject,
           a.patient_id, a.allowed, a.detail
      FROM organization o
      LEFT JOIN LATERAL (SELECT s.txid, s.audit_id FROM audit_seal s WHERE s.organization_id = o.id
                          ORDER BY s.position DESC LIMIT 1) AS last ON true
      JOIN LATERAL (SELECT * FROM audit x
                     WHERE x.organization_id = o.id
                       AND x.txid < pg_snapshot_xmin(pg_current_snapshot())
                       AND (x.txid, x.id) > (coalesce(last.txid, '0'::xid8),
                                             coalesce(last.audit_id, '00000000-0000-0000-0000-000000000000'))
                     ORDER BY x.txid, x.id LIMIT $1) AS a ON true
     ORDER BY a.organization_id, a.txid, a.id
"""


async def seal(db: Db, now: datetime, head: Path) -> int:
    """Chain what is new; returns how many rows. Runs inside the worker's transaction.

    The head is written before the commit. Should that commit fail, the next seal makes the very same links
    again, because a link depends on rows that can no longer change and on nothing else.
    """
    await db.execute(LOCK, SEAL_LOCK)
    entries = [_entry(row) for row in await db.fetch(UNSEALED, BATCH)]
    if not entries:
        return 0
    heads = await _chain(db, entries, now)
    await asyncio.to_thread(_append, head, heads)
    return len(entries)


LAST = """
    SELECT DISTINCT ON (organization_id) organization_id, position, hash
      FROM audit_seal WHERE organization_id = ANY($1) ORDER BY organization_id, position DESC
"""

SEAL = """
    INSERT INTO audit_seal (organization_id, position, audit_id, txid, hash, sealed_at)
    SELECT organization_id, position, audit_id, txid::xid8, hash, $6
      FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[])
        AS x (organization_id, position, audit_id, txid, hash)
"""


async def _chain(db: Db, entries: Sequence[Entry], now: datetime) -> list[Head]:
    last = {row["organization_id"]: row for row in await db.fetch(LAST, list({e.organization_id for e in entries}))}
    tails = {organization: (row["position"], row["hash"]) for organization, row in last.items()}
    rows = []
    for entry in entries:
        position, previous = tails.get(entry.organization_id, (0, first_link(entry.organization_id)))
        made = link(previous, entry)
        tails[entry.organization_id] = (position + 1, made)
        rows.append((entry.organization_id, position + 1, entry.id, str(entry.txid), made))
    await db.execute(SEAL, *map(list, zip(*rows, strict=True)), now)
    sealed = {entry.organization_id for entry in entries}
    return [_head(organization, *tails[organization], now) for organization in sorted(sealed)]


def _head(organization: uuid.UUID, position: int, made: bytes, now: datetime) -> Head:
    return Head(organization=organization, position=position, hash=made.hex(), sealed_at=now)


def _append(path: Path, heads: Sequence[Head]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(msgspec.json.encode(head) + b"\n" for head in heads))
        file.flush()
        os.fsync(file.fileno())


CHAIN = """
    SELECT s.position, s.hash, a.id, a.organization_id, a.txid::text::bigint AS txid, a.at, a.principal,
           a.action, a.subject, a.patient_id, a.allowed, a.detail
      FROM audit_seal s LEFT JOIN audit a ON a.id = s.audit_id AND a.organization_id = s.organization_id
     WHERE s.organization_id = $1 AND s.position > $2 ORDER BY s.position LIMIT $3
"""


async def verify(db: Db, organization: uuid.UUID, head: Path | None = None) -> int | None:
    """The first position where the chain is broken; None when every row is as it was sealed.

    With the head file it also shows a tail that was cut off or sealed anew.
    """
    outside = {} if head is None else await asyncio.to_thread(_heads, head, organization)
    previous, position, order = first_link(organization), 0, (0, uuid.UUID(int=0))
    while rows := await db.fetch(CHAIN, organization, position, BATCH):
        for row in rows:
            position += 1
            made = _proved(row, position, previous, order)
            if made is None or outside.get(position, made.hex()) != made.hex():
                return position
            previous, order = made, (row["txid"], row["id"])
    if position < max(outside, default=0) or await db.fetchval(SLIPPED_IN, organization):
        return position + 1
    return None


# A row that sorts below the newest link and has none was put there afterwards.
SLIPPED_IN = """
    SELECT 1 FROM audit a
      JOIN LATERAL (SELECT s.txid, s.audit_id FROM audit_seal s WHERE s.organization_id = $1
                     ORDER BY s.position DESC LIMIT 1) AS last ON (a.txid, a.id) < (last.txid, last.audit_id)
     WHERE a.organization_id = $1 AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.audit_id = a.id)
     LIMIT 1
"""


def _proved(row: Any, position: int, previous: bytes, order: tuple[int, uuid.UUID]) -> bytes | None:
    if row["position"] != position or row["id"] is None or (row["txid"], row["id"]) <= order:
        return None
    made = link(previous, _entry(row))
    return made if made == row["hash"] else None


def _entry(row: Any) -> Entry:
    return Entry(**{name: row[name] for name in Entry.__struct_fields__})


def _heads(path: Path, organization: uuid.UUID) -> dict[int, str]:
    if not path.exists():
        return {}
    lines = (msgspec.json.decode(line, type=Head) for line in path.read_bytes().splitlines() if line)
    return {head.position: head.hash for head in lines if head.organization == organization}
