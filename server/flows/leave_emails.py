"""Whoever got an e-mail of ours ends the e-mails to that address, and only those."""

import uuid
from datetime import datetime

from notifications import opt_outs
from server.db.pool import Database, Who
from server.security import audit

TO = """
    SELECT m.to_hash FROM attempt t JOIN message m ON m.id = t.message_id WHERE t.id = $1 AND m.channel = 'email'
"""


async def leave(database: Database, who: Who, organization: uuid.UUID, attempt: uuid.UUID, now: datetime) -> None:
    """Once; doing it again, or of what was no e-mail, changes nothing."""
    async with database.transaction(who) as db:
        to_hash: bytes | None = await db.fetchval(TO, attempt)
        if to_hash is None:
            return
        if await opt_outs.record(db, organization, f"email:{organization}", to_hash, "email", now):
            await audit.note(db, who, organization, "contact.leave_emails", f"attempt:{attempt}", now)
