"""A text came in: it is the organization's that texts from there; what is nobody's is kept, and people are told."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from notifications import replies
from notifications.inbox import Inbound
from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.flows import reply
from server.flows.page import Told
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.people import organizations, senders, telephones, unclaimed_texts
from server.people.phones import phone_hash
from server.people.senders import Candidate
from server.people.unclaimed_texts import Arrived, Unclaimed

SAYS = (
    "A text came in, and it cannot be told which organization it was written to: none texts from this number, or"
    " several do and none knows the telephone. It is kept, not acted on. Whoever runs this server: see it with"
    " careloop organization texts, set the number with careloop organization sender."
)
SAYS_DANGER = "It speaks of danger: read it now, and call whoever wrote it. " + SAYS


async def arrive(database: Database, principal: str, text: Arrived, told: Told, default_sender: str) -> None:
    """Hand it on at once, or keep it: whichever, it is stored when this returns."""
    from_hash = phone_hash(told.field_key, text.from_number)
    async with database.transaction(Who(principal=principal)) as db:
        found = senders.whose(await senders.texted(db, text.numbers, default_sender, from_hash))
        if found is None:
            await unclaimed_texts.keep(db, text, from_hash)
    if found is None:
        structlog.get_logger().warning("text_for_nobody")
        return
    who = Who(principal=principal, organization=found.organization_id)
    inbound = Inbound(sid=text.sid, from_number=text.from_number, to_number=found.sender, body=text.body)
    await reply.handle(database, who, found.organization_id, inbound, text.received_at, told)


async def look_again(database: Database, who: Who, now: datetime, told: Told, default_sender: str) -> int:
    """What was kept: a sender that was set since, a patient who was admitted, or a person says whose it is."""
    async with database.transaction(who) as db:
        waiting = await unclaimed_texts.look(db, now)
        sids = [one.provider_sid for one in waiting if await _claimed(db, one, now, told, default_sender)]
    for sid in sids:
        await reply.act(database, who, sid, now, told)
    return len(sids)


async def _claimed(db: Db, text: Unclaimed, now: datetime, told: Told, default_sender: str) -> bool:
    candidates = await senders.texted(db, text.numbers, default_sender, text.from_hash)
    found = senders.whose(candidates)
    organization = text.organization_id or (found.organization_id if found else None)
    if organization is None:
        if text.is_new:
            await _raise(db, text, candidates, now)
        return False
    sender = await telephones.sender_of(db, organization, default_sender)
    inbound = Inbound(sid=text.provider_sid, from_number=text.from_number, to_number=sender, body=text.body)
    await reply.store(db, organization, inbound, text.received_at, told)
    await unclaimed_texts.claim(db, text.id, organization, now)
    return True


async def _raise(db: Db, text: Unclaimed, candidates: Sequence[Candidate], now: datetime) -> None:
    """One open alarm for each number of ours, with everybody whose text it may be."""
    danger = replies.classify(text.body).says("danger")
    ids = [one.organization_id for one in candidates] or [one.id for one in await organizations.list_all(db)]
    subject = next(iter(text.numbers), "?")
    raised = [
        Alarm(
            organization_id=one, kind="danger_for_nobody" if danger else "text_for_nobody", subject=subject,
            severity="high" if danger else "medium", says=SAYS_DANGER if danger else SAYS,
        )
        for one in ids
    ]  # fmt: skip
    await alarms.raise_all(db, raised, now)
    await tell(db, *(Event(topic="worklist", organization=one) for one in ids))
