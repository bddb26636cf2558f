"""Who brought an alert or alarm how far: what the one who came second is told."""

import uuid

import msgspec

from server.db.pool import Db
from server.monitoring.worklist import Status


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far an alert or alarm is, and who brought it there."""

    status: Status
    acknowledged_by: uuid.UUID | None
    acknowledged_name: str | None
    resolved_by: uuid.UUID | None
    resolved_name: str | None

    def by(self, aim: str) -> uuid.UUID | None:
        return self.resolved_by if aim == "resolved" else self.acknowledged_by

    def says(self) -> str:
        """For the one who came second."""
        if self.status == "resolved":
            return f"{self.resolved_name or 'Somebody'} has resolved this already."
        return f"{self.acknowledged_name or 'Somebody'} was first and is dealing with it."


ALERT_STANDING = """
    SELECT a.status, a.acknowledged_by, s.name AS acknowledged_name, a.resolved_by, t.name AS resolved_name
      FROM alert a LEFT JOIN staff s ON s.id = a.acknowledged_by LEFT JOIN staff t ON t.id = a.resolved_by
     WHERE a.patient_id = $1 AND a.id = $2
"""


async def of_alert(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> Standing | None:
    row = await db.fetchrow(ALERT_STANDING, patient, alert)
    return Standing(**row) if row else None


ALARM_STANDING = """
    SELECT a.status, a.acknowledged_by, s.name AS acknowledged_name, a.resolved_by, t.name AS resolved_name
      FROM alarm a LEFT JOIN staff s ON s.id = a.acknowledged_by LEFT JOIN staff t ON t.id = a.resolved_by
     WHERE a.id = $1
"""


async def of_alarm(db: Db, alarm: uuid.UUID) -> Standing | None:
    row = await db.fetchrow(ALARM_STANDING, alarm)
    return Standing(**row) if row else None
