"""A patient picks up our call: what they hear, and what each key does, once however often the provider brings it."""

import uuid
from datetime import datetime

import msgspec

from notifications import opt_outs, outbox, wording
from server.db.pool import Db, Who
from server.flows import confirm
from server.flows.page import Told
from server.monitoring import answers, waits
from server.outreach import calls, tasks
from server.outreach.calls import Call
from server.security import audit

STOP, FIRST, SECOND = "9", "1", "2"
SAYS_CALL = "The patient pressed 2 in a reminder call: they would like to be called."


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What is said, and after silence. `waits`: a key is waited for; `heard`: it comes after the message was heard."""

    words: str
    language: str
    otherwise: str = ""
    waits: bool = False
    heard: bool = False


async def hear(db: Db, attempt: uuid.UUID) -> Script | None:
    """The first words; None: no call to a patient. Unless it is an emergency a voicemail hears only who called."""
    call = await calls.of_attempt(db, attempt)
    if call is None:
        return None
    if call.purpose == "safety":
        return _safety(call)
    if call.purpose == "reminder":
        return _asks(call, _say(call, "call_patient_hello"))
    return Script(words=f"{call.body} {call.body}", language=call.language)


def _safety(call: Call) -> Script:
    """A question has its keys in its own words."""
    key = "" if call.question else f" {_say(call, 'call_safety_key')}"
    return _asks(call, f"{call.body}{key}")


def _asks(call: Call, words: str, *, heard: bool = False) -> Script:
    return Script(
        words=words, language=call.language, otherwise=_say(call, "call_patient_bye"), waits=True, heard=heard
    )


def _says(call: Call, name: str) -> Script:
    return Script(words=_say(call, name), language=call.language)


def _say(call: Call, name: str) -> str:
    return wording.render(name, call.language, clinic=call.organization_name).body


async def press(
    db: Db, who: Who, attempt: uuid.UUID, key: str, now: datetime, *, heard: bool, told: Told, default_sender: str
) -> Script | None:
    """What they hear next; None: it is no call to a patient. `heard`: they pressed it after the message itself."""
    call = await calls.of_attempt(db, attempt)
    if call is None:
        return None
    await calls.in_turn(db, call.message_id)
    subject = f"message:{call.message_id}"
    await audit.note(
        db, who, call.organization_id, "call.key", subject, now, patient=call.patient_id, detail={"key": key[:1]}
    )
    if call.purpose == "safety":
        return await _safety_key(db, who, call, attempt, key, now, told)
    if key == STOP:
        await opt_outs.record(db, call.organization_id, call.sender_number or default_sender, call.to_hash, "call", now)
        return _says(call, "call_patient_stopped")
    return await _after(db, call, key, now) if heard else await _tell(db, call, key, now)


async def _tell(db: Db, call: Call, key: str, now: datetime) -> Script:
    if key != FIRST:
        return _says(call, "call_patient_bye")
    await calls.heard(db, call.message_id, now)
    keys = _say(call, "call_patient_keys_medicine" if call.about_medicine else "call_patient_keys")
    return _asks(call, f"{call.body} {keys}", heard=True)


async def _after(db: Db, call: Call, key: str, now: datetime) -> Script:
    if call.patient_id and call.about_medicine and key in {FIRST, SECOND}:
        for reminder in call.reminders:
            await calls.say_taken(db, call.patient_id, reminder, key == FIRST, now)
        return _says(call, "call_patient_bye")
    if key != SECOND:
        return _says(call, "call_patient_bye")
    await tasks.open_task(
        db, organization=call.organization_id, kind="call_back", subject=f"patient:{call.patient_id}", says=SAYS_CALL,
        now=now, patient=call.patient_id,
    )  # fmt: skip
    return _says(call, "call_patient_will_call")


async def _safety_key(
    db: Db, who: Who, call: Call, attempt: uuid.UUID, key: str, now: datetime, told: Told
) -> Script:  # fmt: skip
    """Somebody heard it: nobody else needs to be told for that reason. A question takes its answer by key."""
    await calls.heard(db, call.message_id, now)
    await outbox.settle(db, call.message_id, "delivered", since=("sending", "sent", "unknown"))
    if call.question is None or call.patient_id is None:
        return _says(call, "call_patient_bye")
    if key not in {FIRST, SECOND}:
        return _safety(call)
    asked = await answers.standing(db, [call.patient_id], now)
    one = next((one for one in asked if one.id == call.question), None)
    if one is not None and key == FIRST:
        await confirm.no_symptoms(db, who, one, now)
    elif key == SECOND and (one is None or not await confirm.symptoms(db, who, one, "symptoms", now, told)):
        reach = (await waits.reach(db, [call.patient_id], now))[call.patient_id]
        await confirm.symptoms_again(
            db, who, call.organization_id, call.patient_id, reach.mrn, f"call:{attempt}", now, told
        )  # fmt: skip
    return _says(call, "call_patient_bye" if key == FIRST else "call_safety_symptoms")
