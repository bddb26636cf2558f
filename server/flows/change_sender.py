"""An organization's texts come from another number; whoever opted out stays opted out."""

from datetime import datetime

import asyncpg

from notifications import opt_outs
from server.db.pool import Database, Who
from server.errors import Conflict
from server.people import organizations, senders, telephones
from server.security import audit


async def change_sender(
    database: Database, who: Who, sender: str | None, now: datetime, default_sender: str
) -> str | None:
    """The new sender as it is written; `None`: the installation's default from now on.

    `Conflict` when it is so already, or the number is another organization's own.
    """
    if who.organization is None:
        raise ValueError("a sender belongs to an organization")
    wanted = None if sender is None else senders.written(sender)
    async with database.transaction(who) as db:
        before = await telephones.sender_of(db, who.organization, default_sender)
        try:
            changed = await organizations.set_sender(db, who.organization, wanted)
        except asyncpg.UniqueViolationError:
            raise Conflict(f"Another organization has {wanted} for its own.") from None
        if not changed:
            raise Conflict("It is so already.")
        after = wanted or default_sender
        # A carrier blocks the number that was texted from, but who said stop said it to us.
        if after:
            await opt_outs.carry(db, who.organization, {before, ""} - {after}, after)
        detail = {"before": before or None, "after": after or None}
        await audit.note(db, who, who.organization, "organization.sender", str(who.organization), now, detail=detail)
    return wanted
