"""What the provider reports, in any order and any number of times, and what is not the provider's at all."""

import asyncio
import itertools
import uuid
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from twilio.request_validator import RequestValidator

from notifications import opt_outs
from notifications.opt_outs import Via
from server import app
from server.db.pool import Database, Who
from server.flows import receipt
from server.flows.receipt import Report
from server.outreach.tasks import open_task
from server.people import telephones
from server.settings import Settings, Twilio
from tests.texting import (
    NOON,
    SID,
    TOKEN,
    WORKER,
    Phones,
    free_port,
    message,
    phones,
    put,
    reachable,
    send_all,
    status_of,
    until,
)  # fmt: skip
from tests.world import World

__all__ = ["phones"]


def report(status: str, error_code: str | None = None) -> Report:
    return Report(sid="SM1", status=status, error_code=error_code, from_number="+12125550300")


async def sent_page(worker_db: Database, owner: Any, world: World) -> tuple[Any, uuid.UUID]:
    """A page under way, with one attempt."""
    page, attempt = message(world), uuid.uuid4()
    await put(worker_db, page)
    await owner.execute("UPDATE message SET status = 'sending', claimed_at = $1", NOON)
    await owner.execute(
        "INSERT INTO attempt (id, organization_id, message_id, provider, started_at) VALUES ($1, $2, $3, 'twilio', $4)",
        attempt, world.organization, page.id, NOON,
    )  # fmt: skip
    return page, attempt


async def tell(web_db: Database, world: World, attempt: uuid.UUID, one: Report) -> bool:
    async with web_db.transaction(Who(principal="service:twilio", organization=world.organization)) as db:
        return await receipt.handle(db, attempt, one, NOON)


@pytest.mark.parametrize("order", list(itertools.permutations(["queued", "sending", "sent", "delivered"])))
async def test_whatever_the_order_of_reports_a_delivered_text_ends_delivered(
    web_db: Database, worker_db: Database, owner: Any, world: World, order: tuple[str, ...]
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    for status in [*order, *order]:
        await tell(web_db, world, attempt, report(status))
    assert await status_of(owner, page) == ("delivered", None)
    assert await owner.fetchval("SELECT count(*) FROM receipt") == 4
    assert await owner.fetchval("SELECT outcome FROM attempt") == "accepted"


async def test_a_late_sent_after_delivered_and_a_repeated_report_are_no_ops(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    assert await tell(web_db, world, attempt, report("delivered"))
    assert not await tell(web_db, world, attempt, report("sent"))
    assert not await tell(web_db, world, attempt, report("delivered"))
    assert (await status_of(owner, page))[0] == "delivered"


@pytest.mark.parametrize(("taken", "outcome"), [(False, "not_needed"), (True, None)])
async def test_a_text_that_arrived_after_all_needs_nobody_any_more_but_who_has_taken_it(
    web_db: Database, worker_db: Database, owner: Any, world: World, taken: bool, outcome: str | None
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    await owner.execute("UPDATE message SET status = 'unknown', reason = 'unresolved'")
    async with worker_db.transaction(WORKER) as db:
        await open_task(
            db, organization=world.organization, kind="text_unresolved", subject=str(page.id), says="?", now=NOON,
            patient=world.patient,
        )  # fmt: skip
    if taken:
        await owner.execute("UPDATE task SET taken_by = $1, taken_at = $2", world.nurse, NOON)
    await tell(web_db, world, attempt, report("sent"))
    assert await owner.fetchval("SELECT closed_at FROM task") is None
    await tell(web_db, world, attempt, report("delivered"))
    assert await owner.fetchval("SELECT outcome FROM task") == outcome


async def test_a_word_we_do_not_know_changes_nothing(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    assert not await tell(web_db, world, attempt, report("teleported"))
    assert (await status_of(owner, page))[0] == "sending"


async def test_a_page_that_does_not_arrive_is_a_high_alarm(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    await tell(web_db, world, attempt, report("undelivered", "30003"))
    assert await status_of(owner, page) == ("failed", "30003")
    assert dict(await owner.fetchrow("SELECT kind, severity FROM alarm")) == {"kind": "page_failed", "severity": "high"}


async def test_the_failure_of_an_older_attempt_says_nothing_of_the_newer(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, older = await sent_page(worker_db, owner, world)
    await owner.execute(
        "INSERT INTO attempt (id, organization_id, message_id, provider, started_at)"
        " VALUES (gen_random_uuid(), $1, $2, 'twilio', $3::timestamptz + interval '1 second')",
        world.organization, page.id, NOON,
    )  # fmt: skip
    assert not await tell(web_db, world, older, report("failed", "30008"))
    assert (await status_of(owner, page))[0] == "sending"


async def test_an_opt_out_that_the_carrier_reports_late_is_remembered(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    await tell(web_db, world, attempt, report("failed", "21610"))
    found = await owner.fetchrow("SELECT sender_number, phone_hash, via FROM opt_out")
    assert (found["sender_number"], found["phone_hash"], found["via"]) == ("+12125550300", page.to_hash, "provider")


async def test_a_carriers_block_counts_for_more_than_our_own_opt_out(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    async with worker_db.transaction(WORKER) as db:
        assert await opt_outs.record(db, world.organization, "+12125550300", page.to_hash, "wording", NOON)
    await tell(web_db, world, attempt, report("failed", "21610"))
    async with worker_db.transaction(WORKER) as db:
        later: list[Via] = ["staff", "wording"]
        for via in later:
            assert not await opt_outs.record(db, world.organization, "+12125550300", page.to_hash, via, NOON)
        known = await telephones.of(db, world.patient, world.organization, [page.to_hash], "+12125550300")
    assert known[page.to_hash].blocked_by_carrier
    assert known[page.to_hash].opted_out_at == NOON


# Over HTTP ----------------------------------------------------------------------------------------


async def post(
    url: str, form: dict[str, str], signature: str | None, kind: str = "application/x-www-form-urlencoded"
) -> int:
    headers = {"Content-Type": kind} | ({"X-Twilio-Signature": signature} if signature is not None else {})
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(url, content=urlencode(form), headers=headers)).status_code


@pytest.mark.parametrize("path", ["/hooks/twilio/inbound", "/hooks/twilio/status/01939000-0000-7000-8000-000000000000"])
async def test_what_the_provider_did_not_sign_is_forbidden_and_changes_nothing(
    phones: Phones, owner: Any, world: World, path: str
) -> None:
    url = phones.settings.public_url + path
    form = {
        "MessageSid": "SM2",
        "From": world.patient_phone,
        "To": world.sender,
        "Body": "STOP",
        "AccountSid": SID,
        "Empty": "",
    }
    right = RequestValidator(TOKEN).compute_signature(url, form)
    wrong = RequestValidator("another token").compute_signature(url, form)
    assert await post(url, form, None) == 403
    assert await post(url, form, wrong) == 403
    assert await post(url, form | {"Body": "START"}, right) == 403
    assert await post(url + "?x=1", form, right) == 403
    assert await post(url, form, right, "application/json") == 403
    assert await owner.fetchval("SELECT count(*) FROM reply") == 0
    assert await post(url, form, right) == 200


async def test_a_query_in_the_address_is_part_of_what_is_signed(phones: Phones, world: World) -> None:
    url = phones.settings.public_url + "/hooks/twilio/inbound?a=1%202&b="
    form = {"MessageSid": "SM3", "From": world.patient_phone, "To": world.sender, "Body": "hello"}
    assert await post(url, form, RequestValidator(TOKEN).compute_signature(url, form)) == 200


async def test_a_text_to_a_number_that_is_not_ours_is_taken_and_kept(phones: Phones, owner: Any, world: World) -> None:
    url = phones.settings.public_url + "/hooks/twilio/inbound"
    form = {"MessageSid": "SM4", "From": world.patient_phone, "To": "+19995550100", "Body": "STOP"}
    assert await post(url, form, RequestValidator(TOKEN).compute_signature(url, form)) == 200
    assert await owner.fetchval("SELECT count(*) FROM reply") == 0
    assert await owner.fetchval("SELECT body FROM unclaimed_text") == "STOP"


async def test_a_text_that_the_carrier_cannot_deliver_fails_over_http(
    worker_db: Database, phones: Phones, owner: Any, world: World
) -> None:
    page = message(world)
    await put(worker_db, page)
    await phones.mishaps("undelivered")
    await send_all(worker_db, phones.gateway())

    async def failed() -> bool:
        return await status_of(owner, page) == ("failed", "30003")

    await until(failed)


async def test_one_organization_reports_nothing_about_anothers_attempt(
    web_db: Database, worker_db: Database, owner: Any, world: World, other_world: World
) -> None:
    page, attempt = await sent_page(worker_db, owner, world)
    assert not await tell(web_db, other_world, attempt, report("delivered"))
    assert (await status_of(owner, page))[0] == "sending"


async def test_the_whole_web_process_believes_a_signature_and_nothing_else(
    settings: Settings, owner: Any, world: World
) -> None:
    port, stop = free_port(), asyncio.Event()
    twilio = Twilio(account_sid=SID, auth_token=TOKEN, sender=world.sender)
    told = msgspec.structs.replace(settings, port=port, public_url="https://careloop.example.org", twilio=twilio)
    serving = asyncio.create_task(app.serve(told, stop))
    await until(lambda: reachable(port))
    form = {"MessageSid": "SM5", "From": world.patient_phone, "To": world.sender, "Body": "STOP"}
    signature = RequestValidator(TOKEN).compute_signature(f"{told.public_url}/hooks/twilio/inbound", form)
    here = f"http://127.0.0.1:{port}/hooks/twilio/inbound"  # behind a proxy the public address is another one
    try:
        assert await post(here, form, None) == 403
        assert await post(here, form, signature[:-4] + "AAA=") == 403
        assert await owner.fetchval("SELECT count(*) FROM opt_out") == 0
        assert await post(here, form, signature) == 200
        assert await owner.fetchval("SELECT count(*) FROM opt_out") == 1
    finally:
        stop.set()
        await serving
