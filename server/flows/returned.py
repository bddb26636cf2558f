"""What was taken is open again: it is in the audit, and every worklist shows it at once."""

from collections.abc import Sequence
from datetime import datetime

from server.db.events import Event, tell
from server.db.pool import Db, Who
from server.monitoring.returns import Returned
from server.security import audit


async def note(db: Db, who: Who, returned: Sequence[Returned], now: datetime) -> None:
    """In the same commit as what made it so."""
    for one in returned:
        kind = "alert" if one.patient_id else "alarm"
        await audit.note(
            db, who, one.organization_id, f"{kind}.return", f"{kind}:{one.id}", now, patient=one.patient_id,
            detail={"why": one.why},
        )  # fmt: skip
    await tell(
        db, *(Event(topic="worklist", organization=one.organization_id, patient=one.patient_id) for one in returned)
    )
