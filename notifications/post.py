"""What goes by e-mail and what is left in the portal: claimed here, and never by the sender of texts and calls."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from notifications import facts, outbox
from notifications.outbox import Claimed
from notifications.policy import Defer, Send, decide
from notifications.refusals import OpenTask
from notifications.sender import Transaction

GIVE_UP_AFTER = timedelta(minutes=15)
AT_ONCE = 100
SAYS_UNRESOLVED = "It is not known whether an e-mail left. It will not be sent again: tell the patient another way."

CLAIM_EMAIL = """
    WITH due AS MATERIALIZED (
        SELECT id FROM message WHERE status = 'queued' AND channel = 'email' AND not_before <= $1
         ORDER BY not_before, id LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE message m SET status = 'sending', claimed_at = $1
      FROM due WHERE m.id = due.id AND m.status = 'queued'
    RETURNING m.id, m.organization_id, m.purpose, m.to_number, m.to_hash, m.body, m.alert_id, m.claimed_at, m.channel,
              m.patient_id
"""
# A message in the portal needs nobody to carry it: deciding and delivering are one transaction.
WAITING = """
    UPDATE message m SET status = 'sending', claimed_at = $1
     WHERE m.id IN (SELECT id FROM message WHERE status = 'queued' AND channel = 'portal' AND not_before <= $1
                     ORDER BY not_before, id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING m.id
"""
# A mail server cannot be asked afterwards, so doubt about an e-mail ends as a person's task.
DOUBTFUL = """
    UPDATE message m SET reason = 'unresolved'
      FROM attempt a
     WHERE m.channel = 'email' AND m.status = 'unknown' AND m.reason IS DISTINCT FROM 'unresolved'
       AND a.message_id = m.id AND a.started_at < $1
    RETURNING m.id, m.organization_id, m.patient_id
"""


async def claim(db: Any, now: datetime, limit: int) -> list[Claimed]:
    """E-mails that are due; theirs who commits this."""
    return [Claimed(**dict(row)) for row in await db.fetch(CLAIM_EMAIL, now, limit)]


async def deliver(transaction: Transaction, clock: Callable[[], datetime], default_sender: str) -> int:
    """Put into the portal what may go there now; returns how many were decided on."""
    now = clock()
    async with transaction() as db:
        waiting: list[UUID] = [row["id"] for row in await db.fetch(WAITING, now, AT_ONCE)]
        for message in waiting:
            decision = decide((await facts.of(db, message, default_sender, now))[0], now)
            if isinstance(decision, Send):
                await outbox.settle(db, message, "delivered")
            elif isinstance(decision, Defer):
                await outbox.settle(db, message, "queued", decision.reason, not_before=decision.until)
            else:
                await outbox.settle(db, message, decision.status, decision.reason)
    return len(waiting)


async def give_up(transaction: Transaction, clock: Callable[[], datetime], open_task: OpenTask) -> int:
    """A task for each e-mail of which nothing was heard for too long; returns how many."""
    now = clock()
    async with transaction() as db:
        doubtful = await db.fetch(DOUBTFUL, now - GIVE_UP_AFTER)
        for row in doubtful:
            await open_task(
                db, organization=row["organization_id"], kind="text_unresolved", subject=f"message:{row['id']}",
                says=SAYS_UNRESOLVED, now=now, patient=row["patient_id"],
            )  # fmt: skip
    return len(doubtful)
