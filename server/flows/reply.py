"""A patient wrote: stored first, then understood, then acted on exactly once, whoever of us does it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from notifications import inbox, opt_outs, outbox, replies, wording
from notifications.inbox import Inbound, Reply
from notifications.messages import Message
from notifications.opt_outs import Via
from notifications.replies import Classified
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows import answer_page, confirm, page
from server.gaps import gaps, reports
from server.monitoring import alarms, answers
from server.monitoring.answers import Standing
from server.monitoring.findings import Severity
from server.people import contacts, organizations, roster
from server.people.contacts import Contact
from server.people.phones import phone_hash
from server.people.roster import OnShift
from server.security import audit

SAYS_DANGER = "A patient's text message may be an emergency. Call the patient now; the emergency number was sent."
SAYS_MESSAGE = "A patient sent a text message that needs a person to read it."
SAYS_CALL = "A patient asks for a call."
LATELY = timedelta(hours=1)  # so long "done" is said of the second reading, not of a screening
SAYS_WRONG = "Somebody says that this is not the patient's number. Check it before texting again."


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What answering needs to know of this installation."""

    public_url: str
    field_key: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A reply with whom it may be from, and how to speak to them."""

    reply: Reply
    said: Classified
    people: list[Contact]
    organization_name: str
    asked: list[Standing]  # what these people were asked after a crisis reading, while an answer counts

    @property
    def person(self) -> Contact | None:
        return self.people[0] if self.people else None

    @property
    def subject(self) -> str:
        """What staff see: the record number, else which text it was."""
        return self.person.mrn if self.person else f"text {self.reply.id}"


async def handle(
    database: Database, who: Who, organization: uuid.UUID, inbound: Inbound, now: datetime, told: Told
) -> bool:
    """Store the text and commit, then act in a second commit. False when it was dealt with before."""
    said = replies.classify(inbound.body)
    from_hash = phone_hash(told.field_key, inbound.from_number)
    async with database.transaction(who) as db:
        people = await contacts.by_phone(db, organization, from_hash)
        patient = people[0].patient_id if people else None
        await inbox.store(
            db, uuid7(), organization, inbound, from_hash=from_hash, meaning=said.meaning, patient=patient, now=now
        )
    return await act(database, who, inbound.sid, now, told)


async def act(database: Database, who: Who, sid: str, now: datetime, told: Told) -> bool:
    """Act on a stored text; False when somebody did. Also for those a crash left behind."""
    async with database.transaction(who) as db:
        reply = await inbox.take(db, sid)
        if reply is None:
            return False
        heard = await _hear(db, reply, now)
        took = await answer_page.take(db, reply, now, told.public_url)
        gap = None if took else await _act(db, who, heard, now, told)
        await inbox.handled(db, reply.id, now, gap)
        if took:
            return True
        await audit.note(
            db, who, reply.organization_id, f"reply.{heard.said.meaning}", str(reply.id), now, patient=reply.patient_id
        )
    structlog.get_logger().info("reply", reply=str(reply.id), meaning=heard.said.meaning, also=list(heard.said.also))
    return True


async def _hear(db: Db, reply: Reply, now: datetime) -> Heard:
    organization = await organizations.get(db, reply.organization_id)
    people = await contacts.by_phone(db, reply.organization_id, reply.from_hash)
    name = organization.name if organization else ""
    asked = await answers.standing(db, [person.patient_id for person in people], now)
    said = replies.classify(reply.body, asked=bool(asked))
    return Heard(reply=reply, said=said, people=people, organization_name=name, asked=asked)


async def _act(db: Db, who: Who, heard: Heard, now: datetime, told: Told) -> uuid.UUID | None:
    """All that the text says is acted on; the one answer is the most important one's. Returns a gap it settled."""
    answer, gap = None, None
    paging = page.Told(public_url=told.public_url, field_key=told.field_key)
    paged = await confirm.heard(db, who, heard.asked, heard.said, now, paging)
    if heard.said.says("danger") or heard.said.answer == "symptoms":
        answer = "emergency"
        if heard.said.says("danger") or not paged:
            await _danger(db, heard, now, told)
    if heard.said.says("opt_out"):
        answer = await _opt_out(db, heard, now, danger=answer is not None)
    elif heard.said.says("start"):
        answer = await _start(db, heard, now) or answer
    elif answer is None:
        answer, gap = await _ordinary(db, heard, now)
    if answer is not None:
        await outbox.put(db, [_answer(heard, answer, now)])
        await tell(db, Event(topic="outbox"))
    return gap


async def _danger(db: Db, heard: Heard, now: datetime, told: Told) -> None:
    """A high alarm, and a page to whoever answers for the patient: at once, at any hour."""
    await _alarm(db, heard, "patient_in_danger", "high", SAYS_DANGER, now)
    alarm = await alarms.standing(db, heard.reply.organization_id, "patient_in_danger", heard.subject)
    person = await _on_shift(db, heard.person.team_id, now) if heard.person else None
    if person is not None:
        await outbox.put(db, [_page(heard, person, alarm, now, told)])


async def _on_shift(db: Db, team: uuid.UUID, now: datetime) -> OnShift | None:
    people = (await roster.on_shift(db, [team], now))[team]
    return people[0] if people else (await roster.fallback(db, [team])).get(team)


async def _opt_out(db: Db, heard: Heard, now: datetime, *, danger: bool) -> str | None:
    """One confirmation, and only when the carrier does not send its own; nothing when it stood already."""
    reply = heard.reply
    via: Via = "keyword" if heard.said.carrier_answers else "wording"
    new = await opt_outs.record(db, reply.organization_id, reply.to_number, reply.from_hash, via, now)
    if not new or heard.said.carrier_answers:
        return None
    return "opt_out_danger" if danger else "opt_out_confirmed"


async def _start(db: Db, heard: Heard, now: datetime) -> str | None:
    ended = await opt_outs.end(db, heard.reply.to_number, heard.reply.from_hash, now)
    return "start_confirmed" if ended and not heard.said.carrier_answers else None


async def _ordinary(db: Db, heard: Heard, now: datetime) -> tuple[str | None, uuid.UUID | None]:
    """(the answer, the gap that now awaits evidence). What nobody understood goes to a person."""
    if heard.said.answer == "no_symptoms" and len(heard.asked) == 1:
        return "after_no_symptoms", None
    match heard.said.meaning:
        case "help":
            return "help", None
        case "done" | "booked" if not any(now - one.asked_at < LATELY for one in heard.asked):
            gap = await _report_done(db, [person.patient_id for person in heard.people], now)
            if gap is not None:
                return f"after_{heard.said.meaning}", gap
        case "call_me":
            await _alarm(db, heard, "patient_wants_call", "low", SAYS_CALL, now)
            return "after_call_me", None
        case "wrong_number":
            await _alarm(db, heard, "wrong_number", "low", SAYS_WRONG, now)
            return None, None
    await _alarm(db, heard, "patient_message", "low", SAYS_MESSAGE, now)
    return None, None


async def _report_done(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> uuid.UUID | None:
    """The gap we last texted about now awaits evidence; the patient's word alone closes nothing."""
    found = await gaps.last_touched(db, patients)
    if found is None:
        return None
    patient, gap = found
    return gap if await reports.report_done(db, patient, gap, now) else None


async def _alarm(db: Db, heard: Heard, kind: str, severity: Severity, says: str, now: datetime) -> None:
    organization = heard.reply.organization_id
    await alarms.raise_alarm(db, organization, kind, heard.subject, severity, says, now)
    await tell(db, Event(topic="worklist", organization=organization))


def _answer(heard: Heard, name: str, now: datetime) -> Message:
    reply, person = heard.reply, heard.person
    text = wording.render(name, person.language if person else "en", clinic=heard.organization_name)
    return Message(
        id=uuid7(), organization_id=reply.organization_id, purpose=text.purpose, unique_for=f"reply:{reply.id}",
        patient_id=person.patient_id if person else None, to_number=reply.from_number, to_hash=reply.from_hash,
        wording=text.name, wording_version=text.version, language=text.language, body=text.body,
        not_before=now, created_at=now,
    )  # fmt: skip


def _page(heard: Heard, person: OnShift, alarm: uuid.UUID | None, now: datetime, told: Told) -> Message:
    text = wording.render("page_reply", "en", url=f"{told.public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=heard.reply.organization_id, purpose="page",
        unique_for=f"page:reply:{heard.reply.id}", staff_id=person.staff_id, alarm_id=alarm, to_number=person.phone,
        to_hash=phone_hash(told.field_key, person.phone), wording=text.name, wording_version=text.version,
        language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
