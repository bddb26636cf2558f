"""The roster says who answers for a team now."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.pool import Db


class OnShift(msgspec.Struct, frozen=True, kw_only=True):
    """A staff member who can be paged; those without a telephone cannot and are left out."""

    team_id: uuid.UUID
    staff_id: uuid.UUID
    name: str
    phone: str


TEAMS = "SELECT id, team_id FROM patient WHERE id = ANY($1)"


async def teams_of(db: Db, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The care team that answers for each patient."""
    return {record["id"]: record["team_id"] for record in await db.fetch(TEAMS, list(patients))}


ON_SHIFT = """
    SELECT sh.team_id, s.id AS staff_id, s.name, s.phone
      FROM shift sh JOIN staff s ON s.id = sh.staff_id
     WHERE sh.team_id = ANY($1) AND sh.starts_at <= $2 AND sh.ends_at > $2
       AND s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY sh.team_id, sh.starts_at DESC, s.id
"""


async def on_shift(db: Db, teams: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[OnShift]]:
    """For each team, who is on shift; the one who came last is first. A team with nobody has an empty list."""
    found: dict[uuid.UUID, list[OnShift]] = {team: [] for team in teams}
    for record in await db.fetch(ON_SHIFT, list(teams), now):
        found[record["team_id"]].append(OnShift(**record))
    return found


FALLBACK = """
    SELECT DISTINCT ON (t.id) t.id AS team_id, s.id AS staff_id, s.name, s.phone
      FROM team t JOIN staff s ON s.organization_id = t.organization_id
      LEFT JOIN team_member m ON m.team_id = t.id AND m.staff_id = s.id
     WHERE t.id = ANY($1) AND s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY t.id, m.staff_id IS NULL,
              array_position(ARRAY['nurse', 'clinician', 'admin', 'coordinator', 'quality'], s.role), s.id
"""


async def fallback(db: Db, teams: Sequence[uuid.UUID]) -> dict[uuid.UUID, OnShift]:
    """Whom to page when nobody is on shift: somebody of the team, else of the organization. Never silence."""
    return {record["team_id"]: OnShift(**record) for record in await db.fetch(FALLBACK, list(teams))}
