"""What somebody texted and nobody may file yet: asked back once, then filed, said again, or given to a person."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from server.db.pool import Db

ANSWER_WITHIN = timedelta(minutes=30)  # setting of 2026-11-22: longer, and "1" may mean something else
Asks = Literal["who", "what"]
As = Literal["filed", "said_again", "to_staff"]


class Unclear(msgspec.Struct, frozen=True, kw_only=True):
    """`who`: it may be any of `people`'s, in the order of the numbers they were asked by. `what`: a unit or a kind
    is missing. `said` is as it was typed; `id` anchors what was found in it meanwhile."""

    id: uuid.UUID
    organization_id: uuid.UUID
    reply_id: uuid.UUID
    from_hash: bytes
    to_number: str
    asks: Asks
    kind: str
    said: dict[str, Any]
    people: list[uuid.UUID]
    measured_at: datetime
    deadline: datetime

    @property
    def asked_at(self) -> datetime:
        return self.deadline - ANSWER_WITHIN


KEEP = """
    INSERT INTO texted_doubt (id, organization_id, reply_id, from_hash, to_number, asks, kind, said, people,
                              measured_at, deadline)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def keep(db: Db, unclear: Sequence[Unclear]) -> None:
    if unclear:
        await db.executemany(KEEP, [msgspec.structs.astuple(one) for one in unclear])


STANDING = """
    SELECT id, organization_id, reply_id, from_hash, to_number, asks, kind, said, people, measured_at, deadline
      FROM texted_doubt
     WHERE organization_id = $1 AND from_hash = $2 AND settled_at IS NULL AND deadline > $3
     ORDER BY measured_at, id FOR UPDATE
"""


async def standing(db: Db, organization: uuid.UUID, from_hash: bytes, now: datetime) -> list[Unclear]:
    """What whoever has this number was asked and may still answer; theirs until the transaction ends."""
    return [Unclear(**dict(row)) for row in await db.fetch(STANDING, organization, from_hash, now)]


DUE = """
    SELECT id, organization_id, reply_id, from_hash, to_number, asks, kind, said, people, measured_at, deadline
      FROM texted_doubt
     WHERE settled_at IS NULL AND deadline <= $1
     ORDER BY deadline, id LIMIT 50 FOR UPDATE SKIP LOCKED
"""


async def due(db: Db, now: datetime) -> list[Unclear]:
    """What nobody answered in time."""
    return [Unclear(**dict(row)) for row in await db.fetch(DUE, now)]


SETTLE = """
    UPDATE texted_doubt SET settled_at = $2, settled_as = $3, settled_for = $4
     WHERE id = ANY($1::uuid[]) AND settled_at IS NULL
"""


async def settle(db: Db, ids: Sequence[uuid.UUID], how: As, now: datetime, patient: uuid.UUID | None = None) -> None:
    if ids:
        await db.execute(SETTLE, list(ids), now, how, patient)


REACHABLE = "SELECT id FROM patient WHERE id = ANY($1::uuid[]) AND monitoring_status NOT IN ('deceased', 'left')"


async def still_patients(db: Db, people: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of them that a number can be of now."""
    return {row["id"] for row in await db.fetch(REACHABLE, list(people))}
