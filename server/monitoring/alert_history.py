"""What became of one alert, in order: opened, worse, taken, laid aside, lowered, returned, resolved, and by whom."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from server.db.pool import Db


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`what` is the audit's action without its prefix, or "severity"; `who` is None for Careloop itself."""

    at: datetime
    what: str
    who: str | None
    detail: Mapping[str, Any]


# The audit has what people did. When each severity was first found says when it opened and when it got worse.
LINES = """
    SELECT u.at, substr(u.action, 7) AS what, s.name AS who, u.detail || coalesce(
               (SELECT jsonb_build_object('note', z.note) FROM snooze z
                 WHERE u.action = 'alert.snooze' AND z.patient_id = $1 AND z.alert_id = $2 AND z.starts_at = u.at
                   AND z.note <> ''), '{}') AS detail
      FROM audit u
      LEFT JOIN staff s ON u.principal = 'staff:' || s.id
     WHERE u.subject = 'alert:' || $2::uuid AND u.action LIKE 'alert.%' AND u.allowed
     UNION ALL
    SELECT min(f.found_at), 'severity', NULL, jsonb_build_object('severity', f.severity, 'findings', count(*))
      FROM finding f
     WHERE f.patient_id = $1 AND f.alert_id = $2
     GROUP BY f.severity
     ORDER BY 1, 2
     LIMIT 200
"""


async def lines(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> list[Line]:
    """Oldest first."""
    return [Line(**dict(row)) for row in await db.fetch(LINES, patient, alert)]
