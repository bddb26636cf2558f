"""A call about a check-up that nobody has to make any more closes by itself, unless somebody has taken it."""

import uuid
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Db

DONE = "Closed by itself: the check-up is done, or not due for them."
NEVER_ASKED = "Closed by itself: no text about it went out; a trial withheld them all."

# What counts as a text is what `slots_gap` counts. A gap that waits for evidence of what the patient said may still
# have to be called about, and there is one call per gap: its task stays.
MOOT = """
    UPDATE task k SET closed_at = $1, closed_by = $2, outcome = 'not_needed', note = n.note
      FROM (SELECT t.id, CASE WHEN g.status IN ('closed', 'excluded') THEN $3 ELSE $4 END AS note
              FROM task t
              JOIN gap g ON g.patient_id = t.patient_id AND g.id::text = t.subject
             WHERE t.kind = 'call_for_gap' AND t.closed_at IS NULL AND t.taken_by IS NULL
               AND (g.status IN ('closed', 'excluded')
                    OR (SELECT bool_or(m.status = 'withheld')
                               AND bool_and(m.id IS NOT NULL AND m.status IN ('withheld', 'suppressed', 'failed'))
                          FROM touch h LEFT JOIN message m ON m.id = h.message_id
                         WHERE h.patient_id = g.patient_id AND h.gap_id = g.id))
             ORDER BY t.id
               FOR UPDATE OF t SKIP LOCKED) AS n
     WHERE k.id = n.id
    RETURNING k.organization_id
"""


async def close_moot(db: Db, by: str, now: datetime) -> int:
    """How many closed, each with a note that says why; worklists hear of it. `by` is a service's principal."""
    rows = await db.fetch(MOOT, now, by, DONE, NEVER_ASKED)
    organizations: set[uuid.UUID] = {row["organization_id"] for row in rows}
    await tell(db, *(Event(topic="worklist", organization=one) for one in organizations))
    return len(rows)
