"""A patient wrote: stored first, then understood, then acted on exactly once, whoever of us does it."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from notifications import inbox, opt_outs, outbox, replies
from notifications.inbox import Inbound, Reply
from notifications.opt_outs import Via
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows import answer_page, confirm, danger, intake, last_question, reply_meanings, texted_reading
from server.flows.heard import Heard
from server.flows.page import Told
from server.flows.reply_meanings import Came
from server.flows.texted_reading import NOTHING, Took
from server.monitoring import answers
from server.outreach import wordings
from server.people import contacts, conversations, organizations
from server.people.contacts import Contact
from server.people.conversations import Deed
from server.people.phones import phone_hash
from server.security import audit

__all__ = ["Heard", "Told", "act", "handle", "store"]


async def handle(
    database: Database, who: Who, organization: uuid.UUID, inbound: Inbound, now: datetime, told: Told
) -> bool:
    """Store the text and commit, then act in a second commit. False when it was dealt with before."""
    async with database.transaction(who) as db:
        await store(db, organization, inbound, now, told)
    return await act(database, who, inbound.sid, now, told)


async def store(db: Db, organization: uuid.UUID, inbound: Inbound, received_at: datetime, told: Told) -> None:
    """The text, and whose it is, before anybody tries to understand it; acted on later, at once as a rule."""
    from_hash = phone_hash(told.field_key, inbound.from_number)
    people = await contacts.by_phone(db, organization, from_hash)
    patient = people[0].patient_id if people else None
    await inbox.store(db, uuid7(), organization, inbound, from_hash=from_hash, patient=patient, now=received_at)
    await _tell_pages(db, organization, people)


async def act(database: Database, who: Who, sid: str, now: datetime, told: Told) -> bool:
    """Act on a stored text; False when somebody did. Also for those a crash left behind."""
    async with database.transaction(who) as db:
        reply = await inbox.take(db, sid)
        if reply is None:
            return False
        await inbox.one_at_a_time(db, reply)
        heard = await _hear(db, reply, now)
        if await answer_page.take(db, reply, now, told.public_url):
            await inbox.handled(db, reply.id, heard.said.meaning, now)
            return True
        acted = await _act(db, who, heard, now, told)
        await conversations.note(db, reply.id, reply.organization_id, acted.deeds, now)
        await inbox.handled(db, reply.id, heard.said.meaning, now, acted.gap)
        await _tell_pages(db, reply.organization_id, heard.people)
        await audit.note(
            db, who, reply.organization_id, f"reply.{heard.said.meaning}", str(reply.id), now, patient=reply.patient_id
        )
    structlog.get_logger().info("reply", reply=str(reply.id), meaning=heard.said.meaning, also=list(heard.said.also))
    return True


async def _tell_pages(db: Db, organization: uuid.UUID, people: Sequence[Contact]) -> None:
    """Open pages of everybody whose number it is look again."""
    ids = {person.patient_id for person in people}
    await tell(db, *(Event(topic="patient", organization=organization, patient=one) for one in ids))


async def _hear(db: Db, reply: Reply, now: datetime) -> Heard:
    organization = await organizations.get(db, reply.organization_id)
    people = await contacts.by_phone(db, reply.organization_id, reply.from_hash)
    name = organization.name if organization else ""
    asked = await answers.standing(db, [person.patient_id for person in people], now)
    answered = await last_question.answered(db, reply, people, asked, now)
    said = replies.classify(reply.body, asked=bool(asked) and answered is None)
    return Heard(
        reply=reply, said=said, people=people, organization_name=name, asked=asked, answered=answered,
        own=await wordings.of(db, reply.organization_id),
    )  # fmt: skip


async def _act(db: Db, who: Who, heard: Heard, now: datetime, told: Told) -> Came:
    """All that the text says is acted on. What to do in an emergency is said whatever else is said beside it."""
    paged = await confirm.heard(db, who, heard.asked, heard.said, now, told)
    took = await _take(db, who, heard, now, told)
    came, deeds = Came(), [*took.deeds, *_symptoms(heard)]
    emergency = heard.said.says("danger") or heard.said.answer == "symptoms"
    says = ["emergency"] if emergency else []
    if emergency:
        await _let_go(db, who, took, now, told)
        if heard.said.says("danger") or not paged:
            await danger.page_staff(db, who, heard, now, told)
            deeds.append(Deed(deed="danger"))
    if heard.said.says("opt_out"):
        says += await _opt_out(db, heard, now, danger=emergency)
        deeds.append(Deed(deed="opted_out"))
        if heard.said.says("wrong_number") and not emergency:  # in an emergency they must still be called
            deeds += (await reply_meanings.wrong_number(db, heard, now)).deeds
    elif heard.said.says("start"):
        says += await _start(db, heard, now)
        deeds.append(Deed(deed="opted_in"))
    elif not emergency:
        came = await reply_meanings.ordinary(db, heard, took, now)
        says += [came.answer] if came.answer else []
    if heard.said.by_rules_alone:
        deeds += (await reply_meanings.half_understood(db, heard, now)).deeds
    await _say(db, heard, says, came.asks or took.asks, came.choices or took.choices, now)
    return Came(gap=came.gap, deeds=[*deeds, *came.deeds])


async def _take(db: Db, who: Who, heard: Heard, now: datetime, told: Told) -> Took:
    """The numbers in it, or the choice it makes."""
    one, reply = heard.answered, heard.reply
    if one is None:
        return await texted_reading.take(db, who, reply, heard.people, now, told)
    if one.of == "medicine":
        return await intake.heard(db, reply, heard.people, one.choice == 1, now) or NOTHING
    doses = [each for each in one.unclear if each.kind == "intake"]
    if doses:
        return await intake.answered(db, reply, doses, one.choice, now) or NOTHING
    return await texted_reading.answered(db, who, reply, one.unclear, heard.people, one.choice, now, told)


def _symptoms(heard: Heard) -> list[Deed]:
    return [Deed(deed=heard.said.answer)] if heard.asked and heard.said.answer else []


async def _let_go(db: Db, who: Who, took: Took, now: datetime, told: Told) -> None:
    """A page about the numbers in a text that speaks of danger waits for no further answer."""
    for deed in took.deeds:
        if deed.deed == "alert" and deed.patient_id and deed.subject_id:
            await confirm.release(db, who, deed.patient_id, deed.subject_id, "danger", now, told)


async def _say(
    db: Db, heard: Heard, says: Sequence[str], asks: str | None, choices: str, now: datetime
) -> None:  # fmt: skip
    said = [heard.answer(name, now) for name in says]
    if asks is not None:
        said.append(heard.answer(asks, now, choices=choices))
    beside = [msgspec.structs.replace(one, unique_for=f"{one.unique_for}:{one.wording}") for one in said[1:]]
    if said:
        await outbox.put(db, [said[0], *beside])
        await tell(db, Event(topic="outbox"))


async def _opt_out(db: Db, heard: Heard, now: datetime, *, danger: bool) -> list[str]:
    """One confirmation, and only when the carrier does not send its own; nothing when it stood already.

    It is the only text that may still go, so beside danger it gives the advice too; the safety message becomes a call.
    """
    reply = heard.reply
    via: Via = "keyword" if heard.said.carrier_answers else "wording"
    new = await opt_outs.record(db, reply.organization_id, reply.to_number, reply.from_hash, via, now)
    if not new or heard.said.carrier_answers:
        return []
    return ["opt_out_danger" if danger else "opt_out_confirmed"]


async def _start(db: Db, heard: Heard, now: datetime) -> list[str]:
    reply = heard.reply
    ended = await opt_outs.start(db, reply.organization_id, reply.to_number, reply.from_hash, now)
    return ["start_confirmed"] if ended and not heard.said.carrier_answers else []
