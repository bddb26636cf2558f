"""A page by call, through the real SDK: it says who is wanted, one key takes it, and nobody is asked for what is taken."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from notifications.gateways.twilio import TwilioGateway
from notifications.reconcile import reconcile
from notifications.standin.telephone import Call
from server.db.pool import Database
from server.worker import raise_alarm
from tests.flows.clinic import Clinic, acknowledge, make_clinic, open_alert, tick
from tests.flows.test_reading import count
from tests.texting import (
    NOON,
    SID,
    TOKEN,
    Phones,
    answer,
    message,
    phones,
    put,
    send_all,
    status_of,
    transactions,
    until,
)
from tests.world import World

__all__ = ["phones"]
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    return await make_clinic(owner, world)


async def ask(phones: Phones, path: str, data: object | None = None) -> Any:
    async with httpx.AsyncClient(base_url=phones.url, trust_env=False) as client:
        answer = await client.get(path) if data is None else await client.post(path, json=data)
        answer.raise_for_status()
        return answer.json()


async def called(owner: Any, worker_db: Database, phones: Phones, world: World, **changes: Any) -> Any:
    """An open alert about which the world's nurse is being called; the call as scripts see it."""
    alert = await open_alert(owner, world, NOON)
    words = "Careloop. A high alert is waiting. Press 1 to take it."
    await put(worker_db, message(world, channel="voice", alert_id=alert, body=words, **changes))
    await send_all(worker_db, phones.gateway())
    (call,) = await ask(phones, "/calls")
    return call


async def test_a_call_says_that_an_alert_waits_and_one_key_takes_it(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    call = await called(owner, worker_db, phones, world)
    assert (call["to"], call["from"]) == (world.nurse_phone, world.sender)
    heard = await ask(phones, f"/calls/{call['sid']}/answer", {"key": "1"})
    assert heard["said"][0] == "Careloop. A high alert is waiting. Press 1 to take it."
    assert heard["said"][1].startswith("You have taken it.")
    assert heard["status"] == "completed"
    row = await owner.fetchrow("SELECT status, acknowledged_by FROM alert")
    assert tuple(row) == ("acknowledged", world.nurse)
    note = await owner.fetchrow("SELECT principal, patient_id, detail FROM audit WHERE action = 'alert.acknowledge'")
    assert tuple(note)[:2] == (f"staff:{world.nurse}", world.patient)
    assert str(await owner.fetchval("SELECT id FROM attempt")) in note["detail"]
    assert await owner.fetchval("SELECT status FROM message") == "delivered"
    assert phones.texts() == []


async def test_the_same_key_brought_twice_counts_once_and_says_the_same(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    await called(owner, worker_db, phones, world)
    attempt = await owner.fetchval("SELECT id FROM attempt")
    url = f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}/key"
    answers = await asyncio.gather(*(post(url, {"Digits": "1"}) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert all("You have taken it" in answer.text for answer in answers)
    assert await count(owner, "audit", "action = 'alert.acknowledge'") == 1


async def post(url: str, form: dict[str, str], token: str = TOKEN) -> httpx.Response:
    from twilio.request_validator import RequestValidator

    headers = {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, data=form, headers=headers)


@pytest.mark.parametrize("path", ["", "/key", "/status"])
async def test_without_the_providers_signature_nothing_is_said_and_nothing_happens(
    owner: Any, worker_db: Database, phones: Phones, world: World, path: str
) -> None:
    await called(owner, worker_db, phones, world)
    attempt = await owner.fetchval("SELECT id FROM attempt")
    form = {"Digits": "1", "CallStatus": "failed", "CallSid": "CA1"}
    refused = await post(f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}{path}", form, "another token")
    assert refused.status_code == 403
    assert "alert" not in refused.text.lower()
    assert await owner.fetchval("SELECT status FROM alert") == "open"
    assert await owner.fetchval("SELECT status FROM message") == "sent"


async def test_another_key_takes_nothing_and_no_key_neither(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    call = await called(owner, worker_db, phones, world)
    heard = await ask(phones, f"/calls/{call['sid']}/answer", {"key": "9"})
    assert heard["said"][1].startswith("It was not taken")
    assert await owner.fetchval("SELECT status FROM alert") == "open"
    assert await count(owner, "audit", "action = 'alert.acknowledge'") == 0


async def test_who_picks_up_after_somebody_answered_is_not_asked_any_more(
    owner: Any, worker_db: Database, phones: Phones, world: World, clinic: Clinic
) -> None:
    call = await called(owner, worker_db, phones, world)
    await acknowledge(owner, await owner.fetchval("SELECT id FROM alert"), clinic.backup, NOON)
    heard = await ask(phones, f"/calls/{call['sid']}/answer", {"key": "1"})
    assert heard["said"] == ["Nothing is waiting for you any more. Goodbye."]
    attempt = await owner.fetchval("SELECT id FROM attempt")
    late = await post(f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}/key", {"Digits": "1"})
    assert "Somebody else has taken it already" in late.text
    assert await owner.fetchval("SELECT acknowledged_by FROM alert") == clinic.backup


async def test_a_call_that_waits_when_somebody_answers_is_not_placed(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    alert = await open_alert(owner, world, NOON)
    page = message(world, channel="voice", alert_id=alert)
    await put(worker_db, page)
    await acknowledge(owner, alert, world.nurse, NOON)
    await send_all(worker_db, phones.gateway())
    assert await ask(phones, "/calls") == []
    assert await status_of(owner, page) == ("suppressed", "reason_gone")


async def test_a_number_that_is_no_longer_hers_takes_nothing(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    call = await called(owner, worker_db, phones, world)
    await owner.execute("UPDATE staff SET phone = '+12125558888' WHERE id = $1", world.nurse)
    heard = await ask(phones, f"/calls/{call['sid']}/answer", {"key": "1"})
    assert heard["said"] == ["Nothing is waiting for you any more. Goodbye."]
    assert await owner.fetchval("SELECT status FROM alert") == "open"


@pytest.mark.parametrize(
    ("fate", "reported", "alarms"), [("no_answer", "no-answer", 0), ("busy", "busy", 0), ("failed", "failed", 1)]
)
async def test_a_call_nobody_picks_up_moves_to_the_next_step_at_once(
    clinic: Clinic, owner: Any, worker_db: Database, phones: Phones, fate: str, reported: str, alarms: int
) -> None:
    """Nobody picking up is what the next step is for; a call that cannot be placed needs a person too."""
    await tick(worker_db, NOON)
    await owner.execute("UPDATE escalation_step SET channel = 'voice' WHERE severity = 'high'")
    await owner.execute("UPDATE shift SET starts_at = $1 WHERE staff_id = $2", NOON - MINUTE, clinic.world.nurse)
    await open_alert(owner, clinic.world, NOON)
    await ask(phones, "/mishaps", {"calls": [fate]})
    await tick(worker_db, NOON)
    await send_all(worker_db, phones.gateway())

    async def failed() -> bool:
        return bool(await owner.fetchval("SELECT status FROM message") == "failed")

    await until(failed)
    assert await owner.fetchval("SELECT status FROM receipt WHERE status <> 'queued'") == reported
    await tick(worker_db, NOON + 2 * SECOND)
    told = await owner.fetch("SELECT staff_id, channel FROM message ORDER BY created_at, id")
    assert [tuple(row) for row in told] == [(clinic.world.nurse, "voice"), (clinic.backup, "voice")]
    assert await count(owner, "alarm", "kind = 'page_failed'") == alarms


async def test_a_call_that_rings_unheard_ends_by_itself(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    from notifications.standin.telephone import Exchange
    from notifications.standin.webhooks import Webhooks

    webhooks = Webhooks(phones.provider, phones.settings.public_url, 0.01)
    exchange = Exchange(phones.provider, webhooks, 0.01)
    form = {"To": world.nurse_phone, "From": world.sender, "Url": "http://127.0.0.1:1/", "Timeout": "0.05"}
    call: Call = exchange.place(form, None)

    async def ended() -> bool:
        return call.status == "no-answer"

    await until(ended)
    await exchange.close()
    await webhooks.close()


async def test_a_messaging_service_needs_a_number_of_its_own_for_calls(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    service = "MG" + "0" * 32
    await owner.execute("UPDATE organization SET sender_number = NULL")
    alert = await open_alert(owner, world, NOON)
    first, second = (message(world, channel="voice", alert_id=alert) for _ in range(2))
    await put(worker_db, first)
    await send_all(worker_db, phones.keep(TwilioGateway(SID, TOKEN, service, phones.settings.public_url, phones.url)))
    assert await status_of(owner, first) == ("failed", "no_voice_number")
    await put(worker_db, second)
    numbered = phones.keep(
        TwilioGateway(SID, TOKEN, service, phones.settings.public_url, phones.url, voice_sender=world.sender)
    )
    await send_all(worker_db, numbered)
    assert [call["from"] for call in await ask(phones, "/calls")] == [world.sender]


async def test_a_doubtful_call_is_placed_again(owner: Any, worker_db: Database, phones: Phones, world: World) -> None:
    alert = await open_alert(owner, world, NOON)
    await put(worker_db, message(world, channel="voice", alert_id=alert))
    await ask(phones, "/mishaps", {"calls": ["error"]})
    await send_all(worker_db, phones.gateway())
    assert await ask(phones, "/calls") == []
    await send_all(worker_db, phones.gateway(), NOON + 3 * SECOND)
    assert len(await ask(phones, "/calls")) == 1


async def test_the_page_of_phones_lets_a_person_pick_up_and_press(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    call = await called(owner, worker_db, phones, world)
    async with httpx.AsyncClient(base_url=phones.url, trust_env=False) as client:
        assert "is ringing" in (await client.get("/phones")).text
        assert (await client.post("/telephone", data={"sid": call["sid"], "listen": "1"})).status_code == 303
        shown = (await client.get("/phones")).text
        assert "has picked up" in shown
        assert "A high alert is waiting" in shown
        await client.post("/telephone", data={"sid": call["sid"], "key": "1"})
        assert "You have taken it" in (await client.get("/phones")).text
    assert await owner.fetchval("SELECT status FROM alert") == "acknowledged"


async def test_a_doubtful_call_to_a_patient_is_found_in_the_providers_list_and_not_placed_again(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    now = datetime.now(UTC)
    call = answer(world, channel="voice", not_before=now, created_at=now)
    await put(worker_db, call)
    await phones._post("/mishaps", {"calls": ["error_after_accepting"]})
    await owner.execute("REVOKE INSERT ON receipt FROM careloop_web")  # so that no callback settles it first
    try:
        await send_all(worker_db, phones.gateway(), now)
        assert (await status_of(owner, call))[0] == "unknown"
        await reconcile(transactions(worker_db), phones.gateway(), raise_alarm, lambda: now + 20 * SECOND)
    finally:
        await owner.execute("GRANT INSERT ON receipt TO careloop_web")
    assert (await status_of(owner, call))[0] in {"sent", "delivered"}
    await send_all(worker_db, phones.gateway(), now + 30 * MINUTE)
    assert len(await ask(phones, "/calls")) == 1
