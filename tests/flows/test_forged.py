"""Webhooks that the provider did not sign: refused, written down, and said aloud when they are many."""

import uuid
from typing import Any

import httpx
import pytest
from twilio.request_validator import RequestValidator

from server.db.pool import Database
from server.flows.forged import NOTED, SEVERAL, is_noted, refused, tell_unfound
from tests.texting import NOON, TOKEN, WORKER, Phones, answer, phones, put, send_all, status_of, until
from tests.world import World

__all__ = ["phones"]


async def post(phones: Phones, path: str, form: dict[str, str], token: str | None) -> int:
    url = phones.settings.public_url + path
    signature = {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)} if token else {}
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(url, data=form, headers=signature)).status_code


async def forged(phones: Phones, world: World, times: int) -> None:
    form = {"MessageSid": "SM9", "From": world.patient_phone, "To": world.sender, "Body": "STOP"}
    for n in range(times):
        token = "not the token" if n % 2 else None
        assert await post(phones, "/hooks/twilio/inbound", form, token) == 403


async def noted(owner: Any) -> list[Any]:
    return list(await owner.fetch("SELECT * FROM audit WHERE action = 'hook.forged' ORDER BY txid"))


async def test_a_forged_text_is_a_security_event_and_several_are_an_alarm(
    phones: Phones, world: World, owner: Any
) -> None:
    await forged(phones, world, SEVERAL - 1)
    rows = await noted(owner)
    assert [(row["principal"], row["subject"], row["allowed"]) for row in rows] == [
        ("anonymous", "hook:inbound", False)
    ] * (SEVERAL - 1)
    assert not any(world.patient_phone in str(dict(row)) for row in rows)
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0
    await forged(phones, world, 2)
    assert [row["kind"] for row in await owner.fetch("SELECT kind FROM alarm")] == ["hook_forged"]
    assert await owner.fetchval("SELECT count(*) FROM opt_out") == 0
    assert await owner.fetchval("SELECT count(*) FROM reply") == 0


async def test_a_flood_fills_no_table(phones: Phones, world: World, owner: Any) -> None:
    await forged(phones, world, NOTED + 15)
    assert len(await noted(owner)) == NOTED
    assert await owner.fetchval("SELECT sum(seen) FROM forgery") == NOTED + 15
    assert await owner.fetchval("SELECT count(*) FROM forgery") <= 2


async def test_a_forged_report_moves_nothing(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    text = answer(world)
    await put(worker_db, text)
    await phones.mishaps("lost_after_accepting")
    await send_all(worker_db, phones.gateway())
    attempt, before = await owner.fetchval("SELECT id FROM attempt"), await status_of(owner, text)
    for kind in ("status", "calls"):
        path = f"/hooks/twilio/{kind}/{attempt}" + ("/status" if kind == "calls" else "")
        form = {"MessageSid": "SM9", "MessageStatus": "delivered", "CallStatus": "completed", "ErrorCode": "21610"}
        assert await post(phones, path, form, "not the token") == 403
    assert await status_of(owner, text) == before
    assert [row["subject"] for row in await noted(owner)] == ["hook:status", "hook:call"]
    assert await owner.fetchval("SELECT count(*) FROM receipt") == 0


async def test_what_is_about_nobody_is_refused_and_nobodys(phones: Phones, world: World, owner: Any) -> None:
    assert await post(phones, f"/hooks/twilio/status/{uuid.uuid4()}", {"MessageStatus": "sent"}, "x") == 403
    assert await post(phones, "/hooks/twilio/inbound", {"To": "+19995550100"}, None) == 403
    assert await post(phones, "/hooks/twilio/inbound", {"To": "\x00"}, None) == 403
    assert await noted(owner) == []
    assert await owner.fetchval("SELECT sum(seen) FROM unfound_forgery") == 3


async def test_several_about_nobody_are_an_alarm_of_everybody_once_an_hour(
    worker_db: Database, web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    for n in range(SEVERAL):
        assert await tell_unfound(worker_db, WORKER, NOON) == 0, n
        await refused(web_db, [], "inbound", signed=False, now=NOON)
    assert await tell_unfound(worker_db, WORKER, NOON) == 2
    assert await tell_unfound(worker_db, WORKER, NOON) == 0
    assert [row["kind"] for row in await owner.fetch("SELECT kind FROM alarm")] == ["hook_forged"] * 2


def test_a_flood_is_in_the_audit_with_its_size() -> None:
    assert [seen for seen in range(1, 20_000) if is_noted(seen)] == [*range(1, NOTED + 1), 100, 1000, 10_000]


async def test_an_opt_out_from_a_messaging_service_is_from_all_its_numbers(
    phones: Phones, world: World, owner: Any
) -> None:
    service = "MG" + "1" * 32
    await owner.execute("UPDATE organization SET sender_number = $1", service)
    form = {
        "MessageSid": "SM7", "From": world.patient_phone, "To": "+12125550777", "Body": "STOP",
        "MessagingServiceSid": service,
    }  # fmt: skip
    assert await post(phones, "/hooks/twilio/inbound", form, TOKEN) == 200
    assert await owner.fetchval("SELECT sender_number FROM opt_out") == service


# Real reports, early, late, doubled and shuffled --------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_order_of_reports_a_text_ends_delivered(
    worker_db: Database, phones: Phones, world: World, owner: Any, seed: int
) -> None:
    text = answer(world)
    await put(worker_db, text)
    callbacks = {"times": 3, "shuffled": True, "late_s": 0.1, "early": 1.0}
    await phones._post("/mishaps", {"chances": {"seed": seed, "callbacks": callbacks}})
    await send_all(worker_db, phones.gateway())

    async def all_heard() -> bool:
        return bool(await owner.fetchval("SELECT count(*) = 3 FROM receipt"))

    await until(all_heard)
    assert await status_of(owner, text) == ("delivered", None)
    attempt = await owner.fetchrow("SELECT outcome, provider_sid FROM attempt")
    assert tuple(attempt) == ("accepted", phones.texts()[0].sid)
