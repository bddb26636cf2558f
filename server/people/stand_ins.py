"""The stand-in of a team is told when nobody is on shift; one who left or has no telephone stands in for nobody."""

import uuid
from datetime import date
from typing import Literal

import msgspec

from server.db.pool import Db

EXISTS = """
    SELECT EXISTS (SELECT FROM team t JOIN staff s ON s.id = t.fallback_id
                    WHERE t.id = $1 AND s.disabled_at IS NULL AND s.phone IS NOT NULL)
"""


async def exists(db: Db, team: uuid.UUID) -> bool:
    """Does the team name somebody who can be paged when nobody is on shift?"""
    return bool(await db.fetchval(EXISTS, team))


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A team whose stand-in cannot be paged; `name` is None when it names nobody."""

    organization_id: uuid.UUID
    team_id: uuid.UUID
    team: str
    name: str | None
    why: Literal["nobody", "left", "no_telephone"]


# A team that never published a week need not name anybody yet.
MISSING = """
    SELECT t.organization_id, t.id AS team_id, t.name AS team, s.name,
           CASE WHEN s.id IS NULL THEN 'nobody' WHEN s.disabled_at IS NOT NULL THEN 'left'
                ELSE 'no_telephone' END AS why
      FROM team t LEFT JOIN staff s ON s.id = t.fallback_id
     WHERE CASE WHEN s.id IS NULL THEN EXISTS (SELECT FROM roster_week w WHERE w.team_id = t.id AND w.monday >= $1)
                ELSE s.disabled_at IS NOT NULL OR s.phone IS NULL END
     ORDER BY t.id
"""


async def missing(db: Db, monday: date) -> list[Missing]:
    """Teams that name somebody who cannot be paged, or nobody although that week or a later one is published."""
    return [Missing(**dict(row)) for row in await db.fetch(MISSING, monday)]
