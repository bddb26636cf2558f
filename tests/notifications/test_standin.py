"""The stand-in is spoken to by Twilio's own SDK and answers as Twilio would."""

from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from notifications.gateways.twilio import StandInClient
from tests.texting import NOON, SID, TOKEN, Phones, phones, until
from tests.world import World

__all__ = ["phones"]
OURS, THEIRS = "+12125550300", "+12125550201"


def sdk(phones: Phones, token: str = TOKEN) -> Any:
    return Client(SID, token, http_client=StandInClient(phones.url, 5))


async def call(function: Any, *args: Any, **named: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(function, *args, **named)


async def test_a_text_is_created_fetched_and_listed_newest_first(phones: Phones) -> None:
    client = sdk(phones)
    made = [await call(client.messages.create, to=THEIRS, from_=OURS, body=f"Text {n}") for n in range(5)]
    assert made[0].sid.startswith("SM")
    assert (made[0].status, made[0].direction, made[0].num_segments) == ("queued", "outbound-api", "1")
    fetched = await call(client.messages(made[0].sid).fetch)
    assert (fetched.body, fetched.to) == ("Text 0", THEIRS)
    listed = await call(client.messages.list, to=THEIRS, page_size=2)
    assert [text.body for text in listed] == [f"Text {n}" for n in (4, 3, 2, 1, 0)]
    assert await call(client.messages.list, to="+12125550999") == []


@pytest.mark.parametrize(
    ("named", "status", "code"),
    [
        ({"to": "", "body": "x"}, 400, 21604), ({"to": THEIRS, "body": ""}, 400, 21602), ({"to": "12", "body": "x"}, 400, 21211),
        ({"to": THEIRS, "body": "x" * 1601}, 400, 21617), ({"to": "+15005550009", "body": "x"}, 400, 21614),
        ({"to": "+15005550003", "body": "x"}, 403, 21408),
    ],
)  # fmt: skip
async def test_what_twilio_would_refuse_is_refused_with_its_code(
    phones: Phones, named: dict[str, str], status: int, code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await call(sdk(phones).messages.create, from_=OURS, **named)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert phones.texts() == []


async def test_a_wrong_token_is_no_way_in(phones: Phones) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await call(sdk(phones, "wrong").messages.create, to=THEIRS, from_=OURS, body="x")
    assert (refused.value.status, refused.value.code) == (401, 20003)


async def test_after_stop_the_number_is_blocked_until_start_and_only_for_that_sender(phones: Phones) -> None:
    create = sdk(phones).messages.create
    phones.provider.receive(THEIRS, OURS, " stop ")
    with pytest.raises(TwilioRestException) as refused:
        await call(create, to=THEIRS, from_=OURS, body="x")
    assert (refused.value.status, refused.value.code) == (400, 21610)
    await call(create, to=THEIRS, from_="+12125550301", body="other sender")
    phones.provider.receive(THEIRS, OURS, "START")
    await call(create, to=THEIRS, from_=OURS, body="again")
    assert [text.body for text in phones.texts()] == ["other sender", "again"]


async def test_scripts_see_what_was_sent_and_people_see_phones(phones: Phones, world: World) -> None:
    await call(sdk(phones).messages.create, to=THEIRS, from_=OURS, body="Hello <b>you</b>")
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
