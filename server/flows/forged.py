"""Somebody claims to be the text-message provider and is not: written down, and said aloud when it is not once."""

import uuid
from datetime import datetime
from typing import Literal

from server.db.events import Event, tell
from server.db.pool import Db, Who
from server.monitoring import alarms
from server.security import audit, forgeries

Hook = Literal["status", "inbound", "call"]
NOTED = 20  # audit rows an hour: who floods us fills no table
SEVERAL = 5  # one may be a proxy that changed an address; five in an hour are somebody, or our own public address
SAYS = (
    "Messages came that claim to be the text provider's and are not signed by it. Nothing was believed. When texts are"
    " not marked as delivered, check CARELOOP_PUBLIC_URL; else somebody is trying: tell who runs this server."
)


async def note(db: Db, who: Who, organization: uuid.UUID, hook: Hook, *, signed: bool, now: datetime) -> None:
    """One refused webhook. `signed`: it carried a signature, a wrong one."""
    seen = await forgeries.count(db, organization, now)
    if seen <= NOTED:
        detail = {"signed": signed, "in_this_hour": seen}
        await audit.note(db, who, organization, "hook.forged", f"hook:{hook}", now, allowed=False, detail=detail)
    if seen == SEVERAL:
        await alarms.raise_alarm(db, organization, "hook_forged", "twilio", "medium", SAYS, now)
        await tell(db, Event(topic="worklist", organization=organization))
