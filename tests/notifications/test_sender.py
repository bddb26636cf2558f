"""Texts through the real SDK to a real server: once, honestly, and only when they may go."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications import outbox
from notifications.gateways import Result, Text
from notifications.gateways.log import LogGateway
from notifications.gateways.twilio import TwilioGateway
from notifications.messages import Message
from notifications.reconcile import put_back, reconcile
from server.db.ids import uuid7
from server.db.pool import Database
from server.outreach.tasks import open_task
from server.worker import raise_alarm
from tests.texting import (
    NOON,
    SID,
    TOKEN,
    WORKER,
    Phones,
    answer,
    free_port,
    message,
    phones,
    put,
    send_all,
    sender,
    status_of,
    transactions,
    until,
)  # fmt: skip
from tests.world import World

__all__ = ["phones"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs in that sender."""


class DiesBefore(TwilioGateway):
    async def send(self, text: Text) -> Result:
        raise Killed


class DiesAfter(TwilioGateway):
    async def send(self, text: Text) -> Result:
        await super().send(text)
        raise Killed


def dying(kind: type[TwilioGateway], phones: Phones) -> TwilioGateway:
    return phones.keep(kind(SID, TOKEN, phones.sender, phones.settings.public_url, phones.url))


async def reconciled(database: Database, phones: Phones, now: datetime) -> None:
    await put_back(transactions(database), lambda: now)
    await reconcile(transactions(database), phones.gateway(), raise_alarm, lambda: now, open_task)


async def tasks(owner: Any) -> list[tuple[str, uuid.UUID, str]]:
    rows = await owner.fetch("SELECT kind, patient_id, subject FROM task ORDER BY opened_at, kind")
    return [tuple(row) for row in rows]


async def alarms(owner: Any) -> list[str]:
    return [row["kind"] for row in await owner.fetch("SELECT kind FROM alarm ORDER BY kind")]


async def test_a_page_goes_out_and_its_delivery_is_known(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    page = message(world)
    await put(worker_db, page)
    await send_all(worker_db, phones.gateway())
    [text] = phones.texts()
    assert (text.to_number, text.from_number, text.body) == (world.nurse_phone, world.sender, "A test.")

    async def delivered() -> bool:
        return await status_of(owner, page) == ("delivered", None)

    await until(delivered)
    attempt = await owner.fetchrow("SELECT outcome, provider_sid, provider FROM attempt")
    assert dict(attempt) == {"outcome": "accepted", "provider_sid": text.sid, "provider": "twilio"}
    assert {row["status"] for row in await owner.fetch("SELECT status FROM receipt")} == {"sent", "delivered"}


async def test_several_senders_send_each_text_once(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await put(worker_db, *(message(world, body=f"Number {n}") for n in range(60)))
    await asyncio.gather(*(send_all(worker_db, phones.gateway()) for _ in range(4)))
    assert sorted(text.body for text in phones.texts()) == sorted(f"Number {n}" for n in range(60))
    assert await owner.fetchval("SELECT count(*) FROM attempt") == 60


async def test_pages_go_before_reminders(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await put(worker_db, *(answer(world, body="later") for _ in range(20)), message(world, body="first"))
    assert await sender(worker_db, phones.gateway()).send_due() == 16
    assert "first" in {text.body for text in phones.texts()}


@pytest.mark.parametrize(
    ("arrange", "outcome"),
    [
        ("UPDATE organization SET state = 'shadow'", ("withheld", "shadow")),
        ("UPDATE organization SET state = 'trial'", ("withheld", "trial_number_not_listed")),
        ("UPDATE staff SET disabled_at = now()", ("suppressed", "reason_gone")),
        ("UPDATE alert SET status = 'acknowledged'", ("suppressed", "reason_gone")),
        ("UPDATE alert SET status = 'resolved'", ("suppressed", "reason_gone")),
        ("SELECT 1", ("sent", None)),
    ],
)
async def test_a_page_is_judged_again_at_the_moment_of_sending(
    worker_db: Database, phones: Phones, world: World, owner: Any, arrange: str, outcome: tuple[str, str]
) -> None:
    alert = uuid7()
    await owner.execute(
        "INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at, finding_count)"
        " VALUES ($1, $2, $3, $4, 'high', 'live', $5, $5, 1)",
        alert, world.organization, world.patient, world.rules["bp_high"], NOON,
    )  # fmt: skip
    page = message(world, alert_id=alert)
    await put(worker_db, page)
    await owner.execute(arrange)
    await send_all(worker_db, phones.gateway())
    found = await status_of(owner, page)
    assert found == outcome or (outcome[0] == "sent" and found[0] == "delivered")
    assert len(phones.texts()) == (outcome[0] == "sent")


async def test_a_trial_texts_only_the_listed_numbers(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE organization SET state = 'trial', trial_numbers = $1", [world.nurse_phone])
    await put(worker_db, message(world), answer(world))
    await send_all(worker_db, phones.gateway())
    assert [text.to_number for text in phones.texts()] == [world.nurse_phone]


async def test_without_a_provider_a_text_is_withheld_and_says_so(worker_db: Database, world: World, owner: Any) -> None:
    page = message(world)
    await put(worker_db, page)
    await send_all(worker_db, LogGateway())
    assert await status_of(owner, page) == ("withheld", "no_gateway")


async def test_who_opted_out_gets_nothing_and_a_page_that_fails_for_it_is_an_alarm(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text, page = answer(world), message(world)
    for one in (text, page):
        await owner.execute(
            "INSERT INTO opt_out VALUES ($1, $2, $3, $4, 'keyword')",
            world.sender,
            one.to_hash,
            world.organization,
            NOON,
        )
    await put(worker_db, text, page)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, text) == ("suppressed", "opted_out")
    assert await status_of(owner, page) == ("suppressed", "opted_out")
    assert phones.texts() == []
    assert await alarms(owner) == ["page_failed"]


async def test_an_opt_out_of_one_sender_says_nothing_of_another(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await owner.execute(
        "INSERT INTO opt_out VALUES ('+19995550100', $1, $2, $3, 'keyword')", text.to_hash, world.organization, NOON
    )
    await put(worker_db, text)
    await send_all(worker_db, phones.gateway())
    assert len(phones.texts()) == 1


async def test_the_carriers_opt_out_is_remembered_and_nothing_is_tried_again(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    phones.provider.receive(world.patient_phone, world.sender, "STOP")  # our webhook does not hear of it
    first, second = answer(world), answer(world)
    await put(worker_db, first)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, first) == ("failed", "21610")
    await put(worker_db, second)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, second) == ("suppressed", "opted_out")
    assert await owner.fetchval("SELECT via FROM opt_out") == "provider"


# What may go wrong on the way ---------------------------------------------------------------------


async def test_too_many_requests_waits_and_then_sends_once(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await phones.mishaps("too_many")
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, text) == ("queued", "too_many_requests")
    await send_all(worker_db, phones.gateway(), NOON + timedelta(seconds=9))
    assert phones.texts() == []
    await send_all(worker_db, phones.gateway(), NOON + timedelta(seconds=11))
    assert len(phones.texts()) == 1


async def test_a_provider_that_is_away_loses_nothing(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    nobody = phones.keep(TwilioGateway(SID, TOKEN, world.sender, "http://x", f"http://127.0.0.1:{free_port()}"))
    await send_all(worker_db, nobody)
    assert await status_of(owner, text) == ("queued", "no_connection")
    await send_all(worker_db, phones.gateway(), NOON + timedelta(minutes=1))
    assert len(phones.texts()) == 1


async def test_a_refused_login_keeps_the_text_and_tells_people(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await send_all(worker_db, phones.keep(TwilioGateway(SID, "wrong", world.sender, "http://x", phones.url)))
    assert await status_of(owner, text) == ("queued", "login_refused")
    assert await alarms(owner) == ["texts_not_leaving"]


async def test_a_number_that_cannot_be_is_failed_for_good(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    page = message(world, to_number="+15005550001")
    await put(worker_db, page)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, page) == ("failed", "21211")
    assert await alarms(owner) == ["page_failed"]


@pytest.mark.parametrize("mishap", ["error_after_accepting", "silence_after_accepting"])
async def test_a_doubtful_reminder_is_looked_up_and_never_repeated(
    worker_db: Database, phones: Phones, world: World, owner: Any, mishap: str
) -> None:
    now = datetime.now(UTC)
    text = answer(world, not_before=now, created_at=now)
    await put(worker_db, text)
    await phones.mishaps(mishap)
    await send_all(worker_db, phones.gateway(timeout_seconds=0.5), now)
    await until(lambda: has_moved(owner, text, "queued"))
    await reconciled(worker_db, phones, now + timedelta(seconds=20))
    await send_all(worker_db, phones.gateway(), now + timedelta(minutes=30))
    assert len(phones.texts()) == 1
    assert (await status_of(owner, text))[0] in {"sent", "delivered"}
    assert await owner.fetchval("SELECT provider_sid FROM attempt") == phones.texts()[0].sid


async def has_moved(owner: Any, text: Message, away_from: str) -> bool:
    return (await status_of(owner, text))[0] != away_from


async def test_a_doubtful_page_is_sent_again(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    page = message(world)
    await put(worker_db, page)
    await phones.mishaps("error")
    await send_all(worker_db, phones.gateway())
    assert (await status_of(owner, page))[0] == "queued"
    await send_all(worker_db, phones.gateway(), NOON + timedelta(seconds=3))
    assert len(phones.texts()) == 1
    outcomes = await owner.fetch("SELECT outcome FROM attempt ORDER BY started_at")
    assert [row["outcome"] for row in outcomes] == ["unknown", "accepted"]


async def test_why_it_failed_is_learned_from_the_providers_list_as_from_a_report(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await phones.mishaps("lost_after_accepting")
    await send_all(worker_db, phones.gateway())
    (lost,) = phones.texts()
    lost.status, lost.error_code = "undelivered", 30006
    await reconciled(worker_db, phones, NOON + timedelta(seconds=20))
    assert await status_of(owner, text) == ("failed", "30006")
    assert await owner.fetchval("SELECT line_type FROM telephone") == "landline"
    assert [kind for kind, *_ in await tasks(owner)] == ["bad_number"]


async def test_a_reminder_whose_sender_died_before_the_call_is_unknown_and_not_sent_again(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    with pytest.raises(Killed):
        await send_all(worker_db, dying(DiesBefore, phones))
    assert await owner.fetchval("SELECT outcome FROM attempt") == "started"
    await reconciled(worker_db, phones, NOON + timedelta(seconds=19))
    assert (await status_of(owner, text))[0] == "sending"
    await reconciled(worker_db, phones, NOON + timedelta(seconds=21))
    assert await status_of(owner, text) == ("unknown", "no_answer")
    await send_all(worker_db, phones.gateway(), NOON + timedelta(minutes=5))
    assert phones.texts() == []
    assert await alarms(owner) == []
    for minutes in (16, 17):
        await reconciled(worker_db, phones, NOON + timedelta(minutes=minutes))
    assert await status_of(owner, text) == ("unknown", "unresolved")
    assert await tasks(owner) == [("text_unresolved", world.patient, str(text.id))]
    assert await alarms(owner) == []


async def test_a_reminder_whose_sender_died_after_the_call_is_found_at_the_provider(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await owner.execute("REVOKE INSERT ON receipt FROM careloop_web")  # so that no callback settles it first
    try:
        with pytest.raises(Killed):
            await send_all(worker_db, dying(DiesAfter, phones))
        await reconciled(worker_db, phones, NOON + timedelta(seconds=61))
    finally:
        await owner.execute("GRANT INSERT ON receipt TO careloop_web")
    assert (await status_of(owner, text))[0] in {"sent", "delivered"}
    assert len(phones.texts()) == 1


async def test_a_page_whose_sender_died_is_sent_again(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    page = message(world)
    await put(worker_db, page)
    with pytest.raises(Killed):
        await send_all(worker_db, dying(DiesBefore, phones))
    await reconciled(worker_db, phones, NOON + timedelta(seconds=61))
    await send_all(worker_db, phones.gateway(), NOON + timedelta(seconds=62))
    assert len(phones.texts()) == 1


async def test_a_claim_that_was_never_used_is_put_back(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await owner.execute("UPDATE message SET status = 'sending', claimed_at = $1", NOON)
    await reconciled(worker_db, phones, NOON + timedelta(seconds=9))
    assert (await status_of(owner, text))[0] == "sending"
    await reconciled(worker_db, phones, NOON + timedelta(seconds=11))
    await send_all(worker_db, phones.gateway())
    assert len(phones.texts()) == 1


async def test_a_sender_whose_claim_was_taken_back_calls_nobody(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await put(worker_db, answer(world))
    async with worker_db.transaction(WORKER) as db:
        [claimed] = await outbox.claim(db, NOON, 5)
    async with worker_db.transaction(WORKER) as db:
        await outbox.release(db, NOON + timedelta(minutes=1))
    await sender(worker_db, phones.gateway())._send(claimed)  # it wakes up late
    assert phones.texts() == []
    assert await owner.fetchval("SELECT count(*) FROM attempt") == 0


async def test_two_claims_under_way_at_once_take_different_texts(worker_db: Database, world: World) -> None:
    await put(worker_db, *(message(world) for _ in range(10)))
    async with asyncio.timeout(5), worker_db.transaction(WORKER) as one, worker_db.transaction(WORKER) as other:
        first = {text.id for text in await outbox.claim(one, NOON, 5)}
        second = {text.id for text in await outbox.claim(other, NOON, 10)}
    assert (len(first), len(second)) == (5, 5)
    assert not first & second
