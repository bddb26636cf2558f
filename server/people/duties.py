"""A duty is what a team counts on somebody for: as its charge nurse, as its stand-in, or on shifts to come."""

import uuid
from datetime import datetime

import msgspec

from server.db.pool import Db


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """What one team has one person down for; `shifts` are those that have not ended."""

    staff_id: uuid.UUID
    team_id: uuid.UUID
    team: str
    charge_nurse: bool
    stand_in: bool
    shifts: int

    @property
    def says(self) -> str:
        """Like "Day team: charge nurse, stand-in, 3 shifts to come"."""
        parts = [
            "charge nurse" if self.charge_nurse else "",
            "stand-in" if self.stand_in else "",
            f"{self.shifts} {'shift' if self.shifts == 1 else 'shifts'} to come" if self.shifts else "",
        ]
        return f"{self.team}: {', '.join(filter(None, parts))}"


LISTED = """
    SELECT s.id AS staff_id, t.id AS team_id, t.name AS team,
           s.id IS NOT DISTINCT FROM t.charge_nurse_id AS charge_nurse,
           s.id IS NOT DISTINCT FROM t.fallback_id AS stand_in, count(sh.id) AS shifts
      FROM staff s JOIN team t ON t.organization_id = s.organization_id
      LEFT JOIN shift sh ON sh.team_id = t.id AND sh.staff_id = s.id AND sh.cancelled_at IS NULL AND sh.ends_at > $1
     WHERE $2::uuid IS NULL OR s.id = $2
     GROUP BY s.id, t.id
    HAVING count(sh.id) > 0 OR s.id IN (t.charge_nurse_id, t.fallback_id)
     ORDER BY t.name, t.id, s.id
"""


async def listed(db: Db, now: datetime, staff_id: uuid.UUID | None = None) -> list[Duty]:
    """Of one person, or of everybody of the organization."""
    return [Duty(**dict(row)) for row in await db.fetch(LISTED, now, staff_id)]
