"""What a person's verdict on a held reading does to the findings it gave while it was in doubt."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from server.db.pool import Db

CONFIRM = """
    UPDATE alert SET unconfirmed = false
     WHERE patient_id = $1 AND unconfirmed AND status <> 'resolved'
       AND id IN (SELECT alert_id FROM finding
                   WHERE patient_id = $1 AND anchor = $2 AND superseded_at IS NULL)
"""


async def confirm(db: Db, patient: uuid.UUID, anchor: uuid.UUID) -> None:
    """The reading is true and this patient's: alerts that rest on it are no longer unconfirmed."""
    await db.execute(CONFIRM, patient, str(anchor))


STANDING = """
    SELECT rule_version_id, severity, value FROM finding
     WHERE patient_id = $1 AND anchor = $2 AND superseded_at IS NULL
"""


async def standing(db: Db, patient: uuid.UUID, anchor: uuid.UUID) -> set[tuple[uuid.UUID, str, Decimal | None]]:
    """What was found of it in doubt: (rule version, severity, value)."""
    return {tuple(row) for row in await db.fetch(STANDING, patient, str(anchor))}


SUPERSEDE = """
    UPDATE finding SET superseded_at = $3
     WHERE patient_id = ANY($1) AND starts_with(anchor, $2) AND superseded_at IS NULL
"""


async def supersede(db: Db, patients: Sequence[uuid.UUID], anchor: uuid.UUID, now: datetime) -> None:
    """The reading is not true as it stood, or another's. An open alert stays for the nurse to resolve."""
    await db.execute(SUPERSEDE, sorted(set(patients)), str(anchor), now)


RESTORE = """
    UPDATE finding SET superseded_at = NULL
     WHERE patient_id = ANY($1) AND starts_with(anchor, $2) AND superseded_at = $3
"""


async def restore(db: Db, patients: Sequence[uuid.UUID], anchor: uuid.UUID, since: datetime) -> None:
    """What was superseded at that time holds again."""
    await db.execute(RESTORE, sorted(set(patients)), str(anchor), since)
