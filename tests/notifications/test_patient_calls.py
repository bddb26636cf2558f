"""A call to a patient, through the real SDK and a telephone that picks up: what is heard, and what each key does."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from notifications import wording
from notifications.messages import Message
from notifications.speech import spoken
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import reach_safely
from tests.flows.asking import TOLD, Scene
from tests.flows.test_remind import live, rule
from tests.notifications.test_calls import ask, post
from tests.outreach.reaching import agrees, cannot_text, hashed, opts_out
from tests.texting import NOON, WORKER, Phones, answer, measure, phones, put, send_all, status_of, until
from tests.world import World

__all__ = ["phones"]


async def reminded(owner: Any, worker_db: Database, phones: Phones, world: World, kind: str = "measurement") -> Any:
    """A patient with a landline is reminded by a call; the call as scripts see it."""
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "voice")
    await rule(owner, world)
    await measure(owner, world, NOON - timedelta(days=10))
    if kind == "medicine":
        await owner.execute("UPDATE reminder_rule SET kind = 'medicine', programme_id = NULL, after_days = 0")
        await owner.execute(
            """INSERT INTO medicine (id, organization_id, patient_id, name, at_times, starts_on, source, author, recorded_at)
               VALUES ($1, $2, $3, 'X', '{12:00}', $4, 'staff', 'test', $5)""",
            uuid7(), world.organization, world.patient, NOON.date() - timedelta(days=30), NOON,
        )  # fmt: skip
        await owner.execute(
            """INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
               SELECT $1, $2, $3, id, $4, $5, $5 FROM reminder_rule""",
            uuid7(), world.organization, world.patient, NOON.replace(tzinfo=None) - timedelta(hours=5), NOON,
        )  # fmt: skip
    await live(worker_db, phones, NOON, NOON)
    (call,) = await ask(phones, "/calls")
    return call


async def press(owner: Any, phones: Phones, key: str, *, heard: bool = False, times: int = 1) -> str:
    """A key as the provider brings it, perhaps several times at once; they hear the same each time."""
    attempt = await owner.fetchval("SELECT id FROM attempt")
    tail = "?heard=1" if heard else ""
    url = f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}/key{tail}"
    answers = await asyncio.gather(*(post(url, {"Digits": key}) for _ in range(times)))
    assert {(answered.status_code, answered.text) for answered in answers} == {(200, answers[0].text)}
    return answers[0].text


async def test_a_landline_is_called_and_a_voicemail_hears_no_more_than_who_calls(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    call = await reminded(owner, worker_db, phones, world)
    assert (call["to"], phones.texts()) == (world.patient_phone, [])
    heard = (await ask(phones, f"/calls/{call['sid']}/answer", {}))["said"]
    assert heard == [
        "Hello. This is an automated call from Aspen Health. Press 1 to hear a message for you."
        " Press 9 to get no more calls and texts from us."
    ]


async def test_one_key_tells_it_and_the_next_asks_for_a_call_back(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    await reminded(owner, worker_db, phones, world)
    told = await press(owner, phones, "1")
    assert "we have not received all your measurements lately" in told
    assert "?heard=1" in told
    assert await owner.fetchval("SELECT heard_at IS NOT NULL FROM message")
    assert "Somebody will call you" in await press(owner, phones, "2", heard=True)
    await press(owner, phones, "2", heard=True, times=3)
    assert [tuple(r) for r in await owner.fetch("SELECT kind, patient_id FROM task")] == [("call_back", world.patient)]


@pytest.mark.parametrize("heard", [False, True])
async def test_nine_ends_calls_and_texts_to_the_number(
    owner: Any, worker_db: Database, phones: Phones, world: World, heard: bool
) -> None:
    await reminded(owner, worker_db, phones, world)
    await press(owner, phones, "9", heard=heard, times=3)
    row = await owner.fetchrow("SELECT sender_number, phone_hash, via, ended_at FROM opt_out")
    assert tuple(row) == (world.sender, hashed(world.patient_phone), "call", None)
    later = [answer(world, channel=channel) for channel in ("sms", "voice")]
    await owner.execute("UPDATE telephone SET cannot_text = NULL")
    await put(worker_db, *later)
    await send_all(worker_db, phones.gateway())
    assert [await status_of(owner, one) for one in later] == [("suppressed", "opted_out")] * 2


async def test_of_a_medicine_one_key_says_taken_and_the_first_key_brought_twice_does_not(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    await reminded(owner, worker_db, phones, world, "medicine")
    assert "Press 1 when taken, 2 if not" in await press(owner, phones, "1", times=3)
    assert await owner.fetchval("SELECT count(*) FROM intake") == 0
    await press(owner, phones, "1", heard=True, times=3)
    assert [tuple(r) for r in await owner.fetch("SELECT taken, source FROM intake")] == [(True, "call")]


async def test_a_call_speaks_the_patients_language(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    await reminded(owner, worker_db, phones, world)
    attempt = await owner.fetchval("SELECT id FROM attempt")
    said = (await post(f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}", {})).text
    assert 'language="es-MX"' in said
    assert "Esta es una llamada automatica" in said


async def test_a_reminder_is_not_called_at_night(owner: Any, worker_db: Database, phones: Phones, world: World) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "voice")
    await rule(owner, world, hour=22)
    await measure(owner, world, NOON - timedelta(days=10))
    await live(worker_db, phones, NOON + timedelta(hours=9, minutes=30), NOON + timedelta(hours=11))
    assert await ask(phones, "/calls") == []


async def test_a_safety_call_goes_to_who_opted_out_at_night_and_a_key_says_that_it_was_heard(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    night = NOON + timedelta(hours=14)
    await opts_out(owner, world, world.patient_phone)
    text: Message = answer(
        world, purpose="safety", wording="emergency", body="CALL 911 NOW.", not_before=night, created_at=night
    )
    await put(worker_db, text)
    await send_all(worker_db, phones.gateway(), night)
    assert await status_of(owner, text) == ("suppressed", "opted_out")
    await reach_safely.watch(worker_db, WORKER, night, TOLD)
    await send_all(worker_db, phones.gateway(), night)
    (call,) = await ask(phones, "/calls")
    said = (await ask(phones, f"/calls/{call['sid']}/answer", {"key": "1"}))["said"]
    assert said[0] == "Call 9 1 1 now. Press 1 when you have heard this."

    async def heard() -> bool:
        return bool(await owner.fetchval("SELECT heard_at IS NOT NULL FROM message WHERE channel = 'voice'"))

    await until(heard)
    await reach_safely.watch(worker_db, WORKER, night + timedelta(minutes=9), TOLD)
    assert await owner.fetchval("SELECT count(*) FROM task") == 0


@pytest.mark.parametrize(("key", "state", "words"), [("1", "asked", "Thank you"), ("2", "symptoms", "Call 911 now")])
async def test_a_question_put_by_a_call_takes_its_answer_by_key(
    owner: Any, worker_db: Database, bridge_db: Database, phones: Phones, world: World, key: str, state: str, words: str
) -> None:
    from datetime import UTC, datetime

    scene = Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))
    await opts_out(owner, world, world.patient_phone)
    await scene.measures(190, 125)
    await owner.execute("UPDATE message SET status = 'delivered' WHERE purpose = 'page'")
    await reach_safely.watch(worker_db, WORKER, scene.now, TOLD)
    await send_all(worker_db, phones.gateway(), scene.now)
    assert words in await press(owner, phones, key, times=3)
    assert await scene.states() == [state]
    assert await owner.fetchval("SELECT no_symptoms_at IS NOT NULL FROM confirmation") is (key == "1")
    assert (await scene.pages()).count("page_symptoms") == (key == "2")


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_no_spoken_safety_text_asks_for_a_reply_or_reads_an_address(language: wording.Language) -> None:
    fields = {
        "clinic": "Aspen Health", "rest": "5", "when": "Monday at 08:00", "url": "https://x.example/l/abc",
        "phone": "+12125550166",
    }  # fmt: skip
    texts = [name for name, one in wording.catalogue(language).items() if one.purpose == "safety"]
    assert len(texts) >= 9
    for name in texts:
        said = spoken(wording.render(name, language, **fields).body)
        assert not {"reply", "responda"} & set(said.lower().split()), said
        assert "://" not in said
        assert "911" not in said
