"""A number in a text becomes a reading, judged as it is filed; whose or what it is for nobody knows is asked back once.

Exactly once per text: this runs in the transaction that marks the text as handled. Doubt is not silence: what is not
filed is judged at once as all it could mean, for everybody it could be of.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from devices.typed import Meant, meant
from notifications import texted
from notifications.inbox import Reply
from notifications.texted import Typed
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows import file_reading
from server.flows.page import Told
from server.monitoring import answers, known_usual
from server.monitoring.alerts import Episode
from server.outreach import tasks
from server.people import unclear_texts
from server.people.contacts import Contact
from server.people.conversations import Deed
from server.people.unclear_texts import ANSWER_WITHIN, Asks, Unclear
from server.security import audit

SAYS = (
    "A texted number is not filed: we do not know whose it is, or what it is. Read the conversation, call, and ask for"
    " it again."
)


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the numbers in a text. `answer` names the text that says so, `asks` the question that goes out.

    `alone`: the text says nothing else, so nobody else has to read it.
    """

    answer: str | None = None
    asks: str | None = None
    choices: str = ""
    deeds: Sequence[Deed] = ()
    alone: bool = False


NOTHING = Took()


async def take(
    db: Db, who: Who, reply: Reply, people: Sequence[Contact], now: datetime, told: Told
) -> Took:  # fmt: skip
    """Act on every number of a text from a number that these people share."""
    asked = await unclear_texts.standing(db, reply.organization_id, reply.from_hash, now)
    waiting = [one for one in asked if one.asks == "what" and one.kind != "intake"]
    said = texted.told(reply.body)
    if waiting and (better := texted.completed(_typed(waiting[-1]), reply.body)) is not None:
        await unclear_texts.settle(db, [waiting[-1].id], "said_again", now)
        said = texted.Told(values=(better,))
        reply = msgspec.structs.replace(reply, received_at=waiting[-1].measured_at)
    if not said.values:
        return NOTHING
    again = [one for one in waiting if one.kind in {"number", *(value.kind for value in said.values)}]
    await _withdraw(db, again, now)
    living = await unclear_texts.still_patients(db, [person.patient_id for person in people])
    likely = _named([person for person in people if person.patient_id in living], reply.body)
    if _in_doubt(said, likely, reply.body):
        return await _suspected(db, reply, likely, said.values, now, told)
    if len(likely) == 1:
        return await _of_one(db, who, reply, likely[0], said, now, told, again=bool(again))
    return await _of_several(db, reply, likely, said, now, told) if likely else NOTHING


async def answered(
    db: Db, who: Who, reply: Reply, asked: Sequence[Unclear], people: Sequence[Contact], choice: int, now: datetime,
    told: Told,
) -> Took:  # fmt: skip
    """ "1": the numbers that wait are of the first person they were asked about, measured when they were texted."""
    person = next((p for p in people if p.patient_id == asked[0].people[choice - 1]), None)
    if person is None:
        return NOTHING
    await unclear_texts.settle(db, [one.id for one in asked], "filed", now, person.patient_id)
    await file_reading.unsuspect(db, asked, now)
    first = msgspec.structs.replace(reply, received_at=asked[0].measured_at)
    said = texted.Told(values=tuple(_typed(one) for one in asked))
    return await _of_one(db, who, first, person, said, now, told)


async def watch(database: Database, who: Who, now: datetime) -> int:
    """What nobody answered in time becomes a task for a person; returns how many."""
    async with database.transaction(who) as db:
        due = await unclear_texts.due(db, now)
        await give_to_staff(db, due, now)
    return len(due)


async def give_to_staff(db: Db, unclear: Sequence[Unclear], now: datetime) -> None:
    await unclear_texts.settle(db, [one.id for one in unclear], "to_staff", now)
    for one in unclear:
        await tasks.open_task(
            db, organization=one.organization_id, kind="reply_unclear", subject=str(one.reply_id), says=SAYS, now=now,
            patient=one.people[0] if one.people else None,
        )  # fmt: skip


async def _withdraw(db: Db, again: Sequence[Unclear], now: datetime) -> None:
    """It was said once more, and better: what was found in the first wording holds no longer."""
    await unclear_texts.settle(db, [one.id for one in again], "said_again", now)
    await file_reading.unsuspect(db, again, now)


async def _of_one(
    db: Db, who: Who, reply: Reply, person: Contact, said: texted.Told, now: datetime, told: Told, *,
    again: bool = False,
) -> Took:  # fmt: skip
    """File what is certain; what is not is asked back, once: the second time a person asks."""
    usual = (await known_usual.of_patients(db, [person.patient_id]))[person.patient_id]
    understood = [(one, _meant(one, usual)) for one in said.values]
    certain = [(one, meaning) for one, meaning in understood if meaning.why is None]
    filed = await file_reading.file(
        db, person.patient_id, [file_reading.New.of(one, meaning) for one, meaning in certain], reply.received_at, now,
        told,
    )  # fmt: skip
    doubtful = [_unclear(reply, "what", one, [person.patient_id], now) for one, m in understood if m.why is not None]
    found = await _keep(db, doubtful, {person.patient_id: usual}, now, told)
    if again:
        await give_to_staff(db, doubtful, now)
    for reading in filed.readings:
        await audit.note(
            db, who, reply.organization_id, "reading.texted", f"reading:{reading}", now, patient=person.patient_id
        )
    asks = "ask_what" if doubtful and not again else None
    asked = filed.episodes and await _asked_now(db, person.patient_id, now)
    return Took(
        answer=None if asks or asked else "after_reading", asks=asks, alone=not said.more,
        deeds=[
            *(Deed(deed="reading", patient_id=person.patient_id, subject_id=one) for one in filed.readings),
            *_alerts([*filed.episodes, *found]), *_waiting(doubtful, again=again),
        ],
    )  # fmt: skip


async def _asked_now(db: Db, patient: uuid.UUID, now: datetime) -> bool:
    """A crisis: they get the question of the confirm loop, and no thanks beside it."""
    return any(one.asked_at == now for one in await answers.standing(db, [patient], now))


async def _of_several(
    db: Db, reply: Reply, likely: Sequence[Contact], said: texted.Told, now: datetime, told: Told
) -> Took:
    """Nothing is filed: one question, by given names. What was asked before and is open goes to a person."""
    ids = [person.patient_id for person in likely]
    before = await unclear_texts.standing(db, reply.organization_id, reply.from_hash, now)
    await give_to_staff(db, before, now)
    usual = await known_usual.of_patients(db, ids)
    doubtful = [_unclear(reply, "who", one, ids, now) for one in said.values]
    found = await _keep(db, doubtful, usual, now, told)
    names = choices(likely)
    if names is None:
        await give_to_staff(db, doubtful, now)
    return Took(
        answer=None if names else "after_reading", asks="ask_who" if names else None, choices=names or "",
        alone=not said.more,
        deeds=[*_alerts(found), *_waiting(doubtful, again=names is None)],
    )  # fmt: skip


async def _suspected(
    db: Db, reply: Reply, likely: Sequence[Contact], values: Sequence[Typed], now: datetime, told: Told
) -> Took:
    """A question, or about somebody else: a person reads it. A crisis in it pages all the same."""
    ids = [person.patient_id for person in likely]
    usual = await known_usual.of_patients(db, ids)
    doubtful = [_unclear(reply, "what", one, ids, now) for one in values]
    found = await _keep(db, doubtful, usual, now, told)
    await unclear_texts.settle(db, [one.id for one in doubtful], "to_staff", now)
    return Took(deeds=_alerts(found))


async def _keep(
    db: Db, doubtful: Sequence[Unclear], usual: known_usual.Usual, now: datetime, told: Told
) -> list[Episode]:
    await unclear_texts.keep(db, doubtful)
    found = []
    for one in doubtful:
        typed = _typed(one)
        possible = {patient: _meant(typed, usual[patient]) for patient in one.people}
        found += await file_reading.suspect(db, one, possible, now, told)
    return found


def choices(people: Sequence[Contact]) -> str | None:
    """ "1 Maria, 2 Jose"; given names only, so two of the same name cannot be asked apart: None."""
    names = [person.given_name.split()[0] for person in people if person.given_name.split()]
    if len(names) < len(people) or len({name.casefold() for name in names}) < len(names):
        return None
    return ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))


def _named(people: Sequence[Contact], body: str) -> Sequence[Contact]:
    """The one whose given name the text says, else all."""
    named = [person for person in people if _says(person, body)]
    return named if len(named) == 1 else people


def _says(person: Contact, body: str) -> bool:
    words = set(texted.plain(body).replace(":", " ").replace(",", " ").split())
    return bool(person.given_name.split()) and texted.plain(person.given_name.split()[0]) in words


def _in_doubt(said: texted.Told, likely: Sequence[Contact], body: str) -> bool:
    """A proxy who writes "her sugar" means the patient; one who does not say whose may mean themselves."""
    if len(likely) != 1 or likely[0].proxy_id is None:
        return said.doubt is not None
    return said.doubt != "whose" and not (said.doubt is None and _says(likely[0], body))


def _meant(typed: Typed, usual: known_usual.Medians) -> Meant:
    return meant(typed.kind, typed.numbers, typed.unit, typed.beyond, usual)


def _typed(unclear: Unclear) -> Typed:
    return msgspec.convert(unclear.said, Typed, strict=False)


def _unclear(reply: Reply, asks: Asks, typed: Typed, people: list[uuid.UUID], now: datetime) -> Unclear:
    return Unclear(
        id=uuid7(), organization_id=reply.organization_id, reply_id=reply.id, from_hash=reply.from_hash,
        to_number=reply.to_number, asks=asks, kind=typed.kind, said=msgspec.to_builtins(typed), people=people,
        measured_at=reply.received_at, deadline=now + ANSWER_WITHIN,
    )  # fmt: skip


def _alerts(episodes: Sequence[Episode]) -> list[Deed]:
    return [Deed(deed="alert", patient_id=one.patient_id, subject_id=one.id) for one in episodes]


def _waiting(doubtful: Sequence[Unclear], *, again: bool) -> list[Deed]:
    return [Deed(deed="task" if again else "asked_back")] if doubtful else []
