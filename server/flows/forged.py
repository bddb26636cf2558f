"""Somebody claims to be the text-message provider and is not: written down, and said aloud when it is not once."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.people import organizations
from server.security import audit, forgeries

Hook = Literal["status", "inbound", "call"]
NOTED = 20  # audit rows an hour: who floods us fills no table
SEVERAL = 5  # one may be a proxy that changed an address; five in an hour are somebody, or our own public address
SAYS = (
    "Messages came that claim to be the text provider's and are not signed by it. Nothing was believed. When texts are"
    " not marked as delivered, check CARELOOP_PUBLIC_URL; else somebody is trying: tell who runs this server."
)


async def refused(
    database: Database, about: Sequence[uuid.UUID], hook: Hook, *, signed: bool, now: datetime
) -> None:  # fmt: skip
    """A security event of each it claimed to be about; about nobody, it is counted all the same."""
    for organization in about:
        who = Who(principal="anonymous", organization=organization)
        async with database.transaction(who) as db:
            await note(db, who, organization, hook, signed=signed, now=now)
    if not about:
        async with database.transaction(Who(principal="anonymous")) as db:
            await forgeries.count_unfound(db, now)


async def note(db: Db, who: Who, organization: uuid.UUID, hook: Hook, *, signed: bool, now: datetime) -> None:
    """One refused webhook. `signed`: it carried a signature, a wrong one."""
    seen = await forgeries.count(db, organization, now)
    if is_noted(seen):
        detail = {"signed": signed, "in_this_hour": seen}
        await audit.note(db, who, organization, "hook.forged", f"hook:{hook}", now, allowed=False, detail=detail)
    if seen == SEVERAL:
        await alarms.raise_alarm(db, organization, "hook_forged", "twilio", "medium", SAYS, now)
        await tell(db, Event(topic="worklist", organization=organization))


def is_noted(seen: int) -> bool:
    """The first twenty of an hour, then the hundredth, the thousandth …: a flood is in the audit with its size."""
    return seen <= NOTED or (seen >= 100 and set(str(seen)[1:]) == {"0"} and str(seen)[0] == "1")


async def tell_unfound(database: Database, who: Who, now: datetime) -> int:
    """Several in an hour that are about nobody here: everybody is told, for it may be our own public address."""
    async with database.transaction(who) as db:
        if not await forgeries.several_unfound(db, SEVERAL, now):
            return 0
        ids = [one.id for one in await organizations.list_all(db)]
        raised = [
            Alarm(organization_id=one, kind="hook_forged", subject="twilio", severity="medium", says=SAYS)
            for one in ids
        ]  # fmt: skip
        await tell(db, *(Event(topic="worklist", organization=one) for one in ids))
        return await alarms.raise_all(db, raised, now)
