"""There is somebody to tell: for each team with patients a person who can be paged now."""

from datetime import datetime

from server.auditing.standing import Count
from server.db.pool import Db

# Whoever happens to have a telephone would be paged in the end; that is luck and no route.
NOBODY = """
    SELECT t.organization_id, count(*)
      FROM team t JOIN organization o ON o.id = t.organization_id AND o.state = 'live'
      LEFT JOIN staff f ON f.id = t.fallback_id AND f.disabled_at IS NULL AND f.phone IS NOT NULL
           AND NOT EXISTS (SELECT FROM time_off x WHERE x.staff_id = f.id AND x.cancelled_at IS NULL
                              AND x.starts_at <= $1 AND x.ends_at > $1)
     WHERE f.id IS NULL
       AND EXISTS (SELECT FROM patient p
                    WHERE p.team_id = t.id AND NOT p.synthetic AND p.monitoring_status = 'active')
       AND NOT EXISTS (
           SELECT FROM shift sh JOIN staff s ON s.id = sh.staff_id
            WHERE sh.team_id = t.id AND sh.cancelled_at IS NULL AND sh.starts_at <= $1 AND sh.ends_at > $1
              AND s.disabled_at IS NULL AND s.phone IS NOT NULL
              AND NOT EXISTS (SELECT FROM time_off x WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                 AND x.starts_at <= $1 AND x.ends_at > $1))
     GROUP BY t.organization_id
"""


async def nobody(db: Db, now: datetime) -> list[Count]:
    """Teams of live organizations with nobody on shift who can be paged, and no stand-in who is here."""
    return [Count(**dict(row)) for row in await db.fetch(NOBODY, now)]
