"""What comes of asking a patient: an answer, a second reading, or nothing by the deadline; each is acted on once.

Ending a question and what follows from it are one commit, so a kill anywhere leaves either both or neither.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from notifications import outbox, wording
from notifications.answers import Answer
from notifications.messages import Message
from notifications.replies import Classified
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import NotFound
from server.flows import cry, danger, page
from server.flows.cry import Cry
from server.flows.page import Told
from server.monitoring import answers, confirmations, limits, waits
from server.monitoring.answers import Standing
from server.monitoring.confirmations import Due, State
from server.monitoring.waits import Reach
from server.outreach import wordings
from server.outreach.wordings import Owns
from server.people import roster
from server.security import audit
from server.security.sessions import Person

SAYS = "After a crisis reading the patient reports symptoms. Call the patient now; the emergency number was shown."
GONE = "This question is no longer asked. If you feel unwell call 911, else your clinic."
Why = Literal["not_delivered", "unclear", "not_normal", "near_limit", State]


async def watch(database: Database, who: Who, now: datetime, told: Told) -> int:
    """Move on every open question something has happened to; returns how many were moved.

    In small transactions: any number of workers may do this, and each takes what no other has.
    """
    moved = 0
    while True:
        async with database.transaction(who) as db:
            due = await confirmations.due(db, now)
            for one in due:
                await _move(db, who, one, now, told)
        moved += len(due)
        if not due:
            return moved


async def _move(db: Db, who: Who, one: Due, now: datetime, told: Told) -> None:
    state = confirmations.outcome(one, now)
    if state is None:  # the question stands in the portal, and staff know now
        why: Why = "not_normal" if one.lesser else "not_delivered"
        await release(db, who, one.patient_id, one.alert_id, why, now, told)
        return
    await confirmations.move(db, one.patient_id, one.id, state, now)
    await _note(db, who, one, f"confirmation.{state}", now)
    if one.message_id is not None and one.text == "queued":
        await outbox.settle(db, one.message_id, "suppressed", "reason_gone", since=("queued",))
    near = state == "normal_retake" and one.waits and not await _clear(db, one, now)
    if state == "normal_retake" and one.waits and not near:
        await waits.lower(db, one.patient_id, one.alert_id)
        await _note(db, who, one, "alert.lower", now, state)
    else:
        await release(db, who, one.patient_id, one.alert_id, "near_limit" if near else state, now, told)
    await tell(db, Event(topic="worklist", organization=one.organization_id, patient=one.patient_id))


async def _clear(db: Db, one: Due, now: datetime) -> bool:
    """The better reading is not merely a hair below a high limit: only then nobody needs to be paged."""
    if one.better is None or one.better_at is None:
        return False
    pressure = (await waits.pressures(db, [(one.patient_id, one.better_at, one.better)])).get(one.better)
    applying = await limits.of_patients(db, [one.patient_id], now)
    return pressure is not None and waits.clear(pressure, applying[one.patient_id])


async def _note(db: Db, who: Who, one: Due | Standing, action: str, now: datetime, why: Why | None = None) -> None:
    detail = {"why": why or action.partition(".")[2], "question": str(one.id)}
    subject = f"alert:{one.alert_id}"
    await audit.note(db, who, one.organization_id, action, subject, now, patient=one.patient_id, detail=detail)


async def release(
    db: Db, who: Who, patient: uuid.UUID, alert: uuid.UUID, why: Why, now: datetime, told: Told,
    text: str = "page_high_alert",
) -> bool:  # fmt: skip
    """The page waits no longer: it is written in this commit, unless somebody answered. False: it did not wait."""
    for episode in await waits.let_go(db, [patient], alert):
        subject, organization = f"alert:{alert}", episode.organization_id
        await audit.note(
            db, who, organization, "alert.page_released", subject, now, patient=patient, detail={"why": why}
        )
        if episode.status == "open" and episode.severity == "high":
            await page.write(db, await page.to_staff(db, [episode], now, told, text))
        await tell(db, Event(topic="worklist", organization=organization, patient=patient))
        return True
    return False


async def heard(db: Db, who: Who, standing: Sequence[Standing], said: Classified, now: datetime, told: Told) -> bool:
    """Act on a text by what its writer was asked; True when staff were paged of the patient's alert.

    Two who share a telephone and were both asked: symptoms count for both, "none" for neither.
    """
    if said.says("danger") or said.answer == "symptoms":
        state: Literal["danger", "symptoms"] = "danger" if said.says("danger") else "symptoms"
        return any([await symptoms(db, who, one, state, now, told) for one in standing])
    if said.answer == "no_symptoms" and len(standing) == 1:
        await no_symptoms(db, who, standing[0], now)
        return False
    for one in standing:  # doubt is not silence: what nobody understands lets no page wait
        await release(db, who, one.patient_id, one.alert_id, "unclear", now, told)
    return False


async def symptoms(
    db: Db, who: Who, one: Standing, state: Literal["danger", "symptoms"], now: datetime, told: Told
) -> bool:
    """Staff are paged at once, again if they were already; False when nobody can be by this alert: it was answered."""
    if not await answers.say_symptoms(db, one.patient_id, one.id, state, now):
        return one.alert.status == "open"
    await _note(db, who, one, f"confirmation.{state}", now)
    await tell(db, Event(topic="worklist", organization=one.organization_id, patient=one.patient_id))
    if one.alert.status != "open":
        return False
    await answers.raise_again(db, one)
    if not await release(db, who, one.patient_id, one.alert_id, state, now, told, "page_symptoms"):
        await _page_again(db, one, now, told)
    return True


async def symptoms_again(
    db: Db, who: Who, organization: uuid.UUID, patient: uuid.UUID, mrn: str, event: str, now: datetime, told: Told
) -> None:  # fmt: skip
    """Symptoms that no open alert stands for: an alarm of its own, as for a text of danger, for each event anew."""
    team = (await roster.whose(db, [patient]))[patient].team_id
    one = Cry(
        organization_id=organization, kind=danger.KIND, subject=mrn, says=SAYS, event=event, wording="page_symptoms",
        team_id=team, patient_id=patient,
    )  # fmt: skip
    await cry.hear(db, who, one, now, told)


async def _page_again(db: Db, one: Standing, now: datetime, told: Told) -> None:
    alert = msgspec.structs.replace(one.alert, severity="high")
    messages = await page.to_staff(db, [alert], now, told, "page_symptoms")
    if not await page.write(db, messages):  # it was paged as high before: this page has a name of its own
        named = {"id": uuid7(), "unique_for": f"page:symptoms:{one.id}"}
        await page.write(db, [msgspec.structs.replace(message, **named) for message in messages])


async def no_symptoms(db: Db, who: Who, one: Standing, now: datetime) -> bool:
    """A fact for staff; the question stands for the second reading. False when it was said before."""
    if not await answers.say_none(db, one.patient_id, one.id, now):
        return False
    await _note(db, who, one, "confirmation.no_symptoms", now)
    await tell(db, Event(topic="worklist", organization=one.organization_id, patient=one.patient_id))
    return True


async def answer(
    database: Database, person: Person, question: uuid.UUID, said: Answer, now: datetime, told: Told
) -> None:
    """The patient answers in the portal. `NotFound` for a question that is not theirs or no longer asked.

    Staff's names and alarms are hidden from a patient's own requests, so this one is made for their organization, and
    only the question says of whom it is.
    """
    if person.patient_id is None:
        raise NotFound(GONE)
    who = Who(principal=person.principal, organization=person.organization)
    async with database.transaction(who) as db:
        one = next((one for one in await answers.standing(db, [person.patient_id], now) if one.id == question), None)
        if one is None:
            raise NotFound(GONE)
        if said == "no_symptoms":
            await no_symptoms(db, who, one, now)
            return
        reach = (await waits.reach(db, [person.patient_id], now))[person.patient_id]
        if not await symptoms(db, who, one, "symptoms", now, told):
            await symptoms_again(db, who, one.organization_id, one.patient_id, reach.mrn, f"portal:{one.id}", now, told)
        await page.write(db, _emergency(one, reach, now, await wordings.of(db, one.organization_id)))


def _emergency(one: Standing, reach: Reach, now: datetime, own: Owns) -> list[Message]:
    """The same words as on the page, on the telephone they may be holding."""
    if not reach.phone or reach.phone_hash is None:
        return []
    text = wording.render("emergency", reach.language, own, clinic=reach.clinic)
    return [Message(
        id=uuid7(), organization_id=one.organization_id, purpose=text.purpose, unique_for=f"ask:{one.id}:emergency",
        patient_id=one.patient_id, to_number=reach.phone, to_hash=reach.phone_hash, wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )]  # fmt: skip
