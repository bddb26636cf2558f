"""The stand-in is spoken to by Twilio's own SDK and answers as Twilio would."""

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, post
from litestar.datastructures import State
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from notifications.gateways import Accepted, Text, Unknown
from notifications.gateways.wire import Wire
from tests.texting import NOON, SID, TOKEN, Phones, free_port, phones, serving, until
from tests.world import World

__all__ = ["phones"]
OURS, THEIRS = "+12125550300", "+12125550201"


@pytest.fixture
async def wire(phones: Phones) -> AsyncIterator[Wire]:
    one = Wire(phones.url, 5)
    yield one
    await one.close()


def sdk(wire: Wire, token: str = TOKEN) -> Any:
    return Client(SID, token, http_client=wire)


async def test_a_text_is_created_fetched_and_listed_newest_first(wire: Wire) -> None:
    client = sdk(wire)
    made = [await client.messages.create_async(to=THEIRS, from_=OURS, body=f"Text {n}") for n in range(5)]
    assert made[0].sid.startswith("SM")
    assert (made[0].status, made[0].direction, made[0].num_segments) == ("queued", "outbound-api", "1")
    fetched = await client.messages(made[0].sid).fetch_async()
    assert (fetched.body, fetched.to) == ("Text 0", THEIRS)
    listed = await client.messages.list_async(to=THEIRS, page_size=2)
    assert [text.body for text in listed] == [f"Text {n}" for n in (4, 3, 2, 1, 0)]
    assert await client.messages.list_async(to="+12125550999") == []


@pytest.mark.parametrize(
    ("named", "status", "code"),
    [
        ({"to": "", "body": "x"}, 400, 21604), ({"to": THEIRS, "body": ""}, 400, 21602), ({"to": "12", "body": "x"}, 400, 21211),
        ({"to": THEIRS, "body": "x" * 1601}, 400, 21617), ({"to": "+15005550009", "body": "x"}, 400, 21614),
        ({"to": "+15005550003", "body": "x"}, 403, 21408),
    ],
)  # fmt: skip
async def test_what_twilio_would_refuse_is_refused_with_its_code(
    phones: Phones, wire: Wire, named: dict[str, str], status: int, code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await sdk(wire).messages.create_async(from_=OURS, **named)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert phones.texts() == []


async def test_a_wrong_token_is_no_way_in(wire: Wire) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await sdk(wire, "wrong").messages.create_async(to=THEIRS, from_=OURS, body="x")
    assert (refused.value.status, refused.value.code) == (401, 20003)


async def test_after_stop_the_number_is_blocked_until_start_and_only_for_that_sender(
    phones: Phones, wire: Wire
) -> None:
    create = sdk(wire).messages.create_async
    phones.provider.receive(THEIRS, OURS, " stop ")
    with pytest.raises(TwilioRestException) as refused:
        await create(to=THEIRS, from_=OURS, body="x")
    assert (refused.value.status, refused.value.code) == (400, 21610)
    await create(to=THEIRS, from_="+12125550301", body="other sender")
    phones.provider.receive(THEIRS, OURS, "START")
    await create(to=THEIRS, from_=OURS, body="again")
    assert [text.body for text in phones.texts()] == ["other sender", "again"]


async def test_scripts_see_what_was_sent_and_people_see_phones(phones: Phones, wire: Wire, world: World) -> None:
    await sdk(wire).messages.create_async(to=THEIRS, from_=OURS, body="Hello <b>you</b>")
    await phones.write(THEIRS, "hi & bye")
    async with httpx.AsyncClient(base_url=phones.url, trust_env=False) as client:

        async def delivered() -> bool:
            return bool((await client.get("/messages")).json()[0]["status"] == "delivered")

        await until(delivered)
        [shown] = (await client.get("/messages")).json()
        assert set(shown) == {"sid", "to", "from", "body", "status"}
        page = (await client.get("/")).text
        assert "Hello &lt;b&gt;you&lt;/b&gt;" in page
        assert "hi &amp; bye" in page
        answer = await client.post("/reply", data={"from": THEIRS, "body": "from the page"})
        assert answer.status_code == 303
        assert "from the page" in (await client.get("/phones")).text


def test_the_texts_kept_in_memory_are_bounded() -> None:
    from notifications.standin import provider

    one = provider.Provider(SID, TOKEN, OURS, lambda: NOON)
    for n in range(provider.KEPT + 10):
        one.accept(THEIRS, OURS, str(n), "")
    assert len(one.sent()) == provider.KEPT
    assert one.sent()[0].body == "10"


# It misbehaves on command ---------------------------------------------------------------------------


def a_text(body: str = "x") -> Text:
    return Text(attempt=uuid.uuid4(), to_number=THEIRS, from_number=OURS, body=body)


@pytest.mark.parametrize(
    ("mishap", "reason", "went_out"),
    [
        ("error", "30001", False), ("error_after_accepting", "30001", True), ("silence", "TimeoutError", False),
        ("silence_after_accepting", "TimeoutError", True), ("hang_up", "ClientPayloadError", False),
        ("hang_up_after_accepting", "ClientPayloadError", True), ("lost_after_accepting", "ClientPayloadError", True),
    ],
)  # fmt: skip
async def test_what_may_have_gone_out_looks_the_same_to_us_whether_it_did_or_not(
    phones: Phones, mishap: str, reason: str, went_out: bool
) -> None:
    await phones.mishaps(mishap)
    assert await phones.gateway(timeout_seconds=0.4).send(a_text()) == Unknown(reason)
    assert len(phones.texts()) == went_out


async def chances(phones: Phones, **given: Any) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=phones.url, trust_env=False) as client:
        (await client.post("/mishaps", json={"chances": given})).raise_for_status()
        return dict((await client.get("/mishaps")).json())


async def test_by_chance_a_seed_gives_the_same_luck_again(phones: Phones) -> None:
    runs = []
    for seed in (1, 1, 2):
        await chances(phones, rates={"error": 0.3, "too_many": 0.3}, seed=seed, callbacks={"times": 0})
        runs.append([type(await phones.gateway().send(a_text())).__name__ for _ in range(30)])
    assert runs[0] == runs[1] != runs[2]
    assert Counter(runs[0]).keys() == {"Accepted", "Unknown", "NotSent"}


async def test_reports_come_as_often_and_in_as_wild_an_order_as_asked(phones: Phones, owner: Any) -> None:
    """Heard by a webhook that only writes down; none of them is our own attempt's, so nothing else happens."""
    heard: list[str] = []
    async with listening(heard) as url:
        await chances(phones, seed=3, callbacks={"times": 3, "shuffled": True, "early": 1.0})
        answer = await sdk_text(phones, f"{url}/report")
        assert heard == ["queued"], "one is there before the answer"
        assert answer.startswith("SM")
        await until(lambda: seven(heard))
    assert sorted(heard) == ["delivered"] * 3 + ["queued"] + ["sent"] * 3
    assert heard[1:] != ["sent", "delivered"] * 3


async def seven(heard: list[str]) -> bool:
    return len(heard) == 7


async def sdk_text(phones: Phones, callback: str) -> str:
    wire = Wire(phones.url, 5)
    made = await sdk(wire).messages.create_async(to=THEIRS, from_=OURS, body="x", status_callback=callback)
    await wire.close()
    return str(made.sid)


@asynccontextmanager
async def listening(heard: list[str]) -> AsyncIterator[str]:
    @post("/report", status_code=200)
    async def report(request: Request[Any, Any, State]) -> None:
        heard.append(str((await request.form())["MessageStatus"]))

    port = free_port()
    async with serving(Litestar([report], openapi_config=None), port):
        yield f"http://127.0.0.1:{port}"


async def test_forgeries_are_tried_and_counted(phones: Phones, owner: Any) -> None:
    await chances(phones, seed=4, callbacks={"forged": 5})
    results = [await phones.gateway().send(a_text(str(n))) for n in range(8)]
    assert all(isinstance(one, Accepted) for one in results)

    async def tried() -> bool:
        async with httpx.AsyncClient(base_url=phones.url, trust_env=False) as client:
            return bool((await client.get("/mishaps")).json() == {"waiting": 0, "forged": 5, "believed": 0})

    await until(tried)
    assert await owner.fetchval("SELECT count(*) FROM opt_out") == 0
