"""The roster says who answers for a team now, and who is told when they do not."""

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


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """The care team that answers for a patient; a synthetic one stands for nobody."""

    team_id: uuid.UUID
    synthetic: bool


WHOSE = "SELECT id, team_id, synthetic FROM patient WHERE id = ANY($1)"


async def whose(db: Db, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, Whose]:
    """By patient."""
    rows = await db.fetch(WHOSE, list(patients))
    return {row["id"]: Whose(team_id=row["team_id"], synthetic=row["synthetic"]) for row in rows}


ON_SHIFT = """
    SELECT sh.team_id, s.id AS staff_id, s.name, s.phone
      FROM shift sh JOIN staff s ON s.id = sh.staff_id
     WHERE sh.team_id = ANY($1) AND sh.starts_at <= $2 AND sh.ends_at > $2 AND sh.cancelled_at IS NULL
       AND s.disabled_at IS NULL AND s.phone IS NOT NULL
       AND NOT EXISTS (SELECT FROM time_off t WHERE t.staff_id = s.id AND t.cancelled_at IS NULL
                          AND t.starts_at <= $2 AND t.ends_at > $2)
     ORDER BY sh.team_id, sh.starts_at DESC, s.id
"""


async def on_shift(db: Db, teams: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[OnShift]]:
    """For each team, who is on shift; the one who came last is first. A team with nobody has an empty list."""
    found: dict[uuid.UUID, list[OnShift]] = {team: [] for team in teams}
    for record in await db.fetch(ON_SHIFT, list(teams), now):
        found[record["team_id"]].append(OnShift(**record))
    return found


# Who is away is told only where nobody else can be: a stand-in who called in sick stands in for nobody.
FALLBACK = """
    SELECT DISTINCT ON (t.id) t.id AS team_id, s.id AS staff_id, s.name, s.phone
      FROM team t JOIN staff s ON s.organization_id = t.organization_id
      LEFT JOIN team_member m ON m.team_id = t.id AND m.staff_id = s.id
      JOIN LATERAL (SELECT EXISTS (SELECT FROM time_off x WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                      AND x.starts_at <= $2 AND x.ends_at > $2) AS away) f ON true
     WHERE t.id = ANY($1) AND s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY t.id, f.away, s.id IS DISTINCT FROM t.fallback_id, m.staff_id IS NULL,
              array_position(ARRAY['nurse', 'clinician', 'admin', 'coordinator', 'quality'], s.role), s.id
"""


async def fallback(db: Db, teams: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, OnShift]:
    """Whom to page when nobody is on shift: the one named for it, else somebody of the team. Never silence."""
    return {record["team_id"]: OnShift(**record) for record in await db.fetch(FALLBACK, list(teams), now)}


OF_ORGANIZATION = "SELECT id FROM team WHERE organization_id = $1 ORDER BY name, id"


async def answers(db: Db, organization: uuid.UUID, team: uuid.UUID | None, now: datetime) -> OnShift | None:
    """Whom to page at once; without a team whoever is on shift of any, for somebody who belongs to none."""
    teams = [team] if team else [row["id"] for row in await db.fetch(OF_ORGANIZATION, organization)]
    here = await on_shift(db, teams, now)
    instead = await fallback(db, teams, now)
    people = [here[one][0] for one in teams if here[one]] or [instead[one] for one in teams if one in instead]
    return people[0] if people else None


class Reachable(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the organization with a telephone, as one team sees them. `on_since`: on shift for it since then."""

    team_id: uuid.UUID
    staff_id: uuid.UUID
    name: str
    phone: str
    role: str
    of_team: bool
    is_charge: bool
    is_fallback: bool
    away: bool
    on_since: datetime | None

    @property
    def contact(self) -> OnShift:
        return OnShift(team_id=self.team_id, staff_id=self.staff_id, name=self.name, phone=self.phone)


REACHABLE = """
    SELECT t.id AS team_id, s.id AS staff_id, s.name, s.phone, s.role, m.staff_id IS NOT NULL AS of_team,
           s.id IS NOT DISTINCT FROM t.charge_nurse_id AS is_charge,
           s.id IS NOT DISTINCT FROM t.fallback_id AS is_fallback,
           f.away, CASE WHEN NOT f.away THEN (
                SELECT max(sh.starts_at) FROM shift sh
                 WHERE sh.team_id = t.id AND sh.staff_id = s.id AND sh.cancelled_at IS NULL
                   AND sh.starts_at <= $2 AND sh.ends_at > $2) END AS on_since
      FROM team t JOIN staff s ON s.organization_id = t.organization_id
      LEFT JOIN team_member m ON m.team_id = t.id AND m.staff_id = s.id
      JOIN LATERAL (SELECT EXISTS (SELECT FROM time_off x WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                      AND x.starts_at <= $2 AND x.ends_at > $2) AS away) f ON true
     WHERE t.id = ANY($1) AND s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY t.id, s.id
"""


async def reachable(db: Db, teams: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[Reachable]]:
    """For each team, everybody who has a telephone."""
    found: dict[uuid.UUID, list[Reachable]] = {team: [] for team in teams}
    for record in await db.fetch(REACHABLE, list(found), now):
        found[record["team_id"]].append(Reachable(**record))
    return found


LAST_RESORT = ("nurse", "clinician", "admin", "coordinator", "quality")


def choose(people: Sequence[Reachable], who: str) -> OnShift | None:
    """Whom a step means: on_shift, backup, charge_nurse, clinician, admin or fallback. None: nobody has a telephone.

    Where nobody fits, the fallback is told, so a step is never empty; where it can be, not the one who was told first.
    Who is away is told only where everybody is.
    """
    on_shift = sorted((p for p in people if p.on_since), key=lambda p: (-_seconds(p.on_since), p.staff_id))
    first = on_shift[0].staff_id if on_shift else None
    fits = {
        "on_shift": on_shift,
        "backup": on_shift[1:] or _backups(people, first),
        "charge_nurse": [p for p in people if p.is_charge and not p.away],
        "clinician": [p for p in _likely(people) if p.role == "clinician" and not p.away],
        "admin": [p for p in _likely(people) if p.role == "admin" and not p.away],
    }
    last_resort = sorted(_likely(people), key=lambda p: (p.away, not p.is_fallback, p.staff_id == first))
    found = fits.get(who) or last_resort
    return found[0].contact if found else None


def _backups(people: Sequence[Reachable], first: uuid.UUID | None) -> list[Reachable]:
    """Others of the team who are here; the charge nurse comes later in her own right."""
    others = [p for p in _likely(people) if p.of_team and not p.away and p.staff_id != first]
    return sorted(others, key=lambda p: p.is_charge)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0


def _likely(people: Sequence[Reachable]) -> list[Reachable]:
    """Who is here before who is away, on shift before not, of the team before others, nurses first."""
    return sorted(
        people, key=lambda p: (p.away, p.on_since is None, not p.of_team, LAST_RESORT.index(p.role), p.staff_id)
    )
