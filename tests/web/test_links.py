"""A link from a text tells nobody anything, and leads its own patient on, once and in time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.app import create
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.people import short_links
from server.people.short_links import LASTS, NewLink
from server.settings import Settings
from tests.portal.home import Home
from tests.world import World

WORKER = Who(principal="service:worker")
LEADS_TO = "/portal#todos"


@pytest.fixture
async def web(settings: Settings, world: World) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(create(settings), base_url="http://127.0.0.1:8000") as client:
        client.follow_redirects = False
        yield client


async def make(worker_db: Database, world: World, patient: Any = None, made_at: datetime | None = None) -> str:
    token = short_links.token()
    link = NewLink(
        token=token, organization_id=world.organization, patient_id=patient or world.patient, message_id=uuid7(),
        leads_to=LEADS_TO,
    )  # fmt: skip
    async with worker_db.transaction(WORKER) as db:
        await short_links.make(db, [link], made_at or datetime.now(UTC))
    return token


async def leads(web: AsyncTestClient[Litestar], token: str) -> str:
    answer = await web.get(f"/l/{token}")
    assert answer.status_code == 303
    return str(answer.headers["location"])


async def test_before_sign_in_a_known_and_an_unknown_token_get_the_same_answer(
    web: AsyncTestClient[Litestar], worker_db: Database, world: World
) -> None:
    known = await make(worker_db, world)
    answers = [await leads(web, token) for token in (known, short_links.token())]
    assert [answer.partition("/l/")[0] for answer in answers] == ["/sign-in?next="] * 2
    assert answers[0].endswith(known)


async def test_its_own_patient_is_led_on_once(
    web: AsyncTestClient[Litestar], worker_db: Database, world: World, owner: Any
) -> None:
    token = await make(worker_db, world)
    web.cookies.update(await Home(owner, world).cookie())
    assert await leads(web, token) == LEADS_TO
    assert await leads(web, token) == "/portal"
    assert await owner.fetchval("SELECT used_at IS NOT NULL FROM short_link")


async def test_an_expired_link_leads_to_the_first_page(
    web: AsyncTestClient[Litestar], worker_db: Database, world: World, owner: Any
) -> None:
    token = await make(worker_db, world, made_at=datetime.now(UTC) - LASTS)
    web.cookies.update(await Home(owner, world).cookie())
    assert await leads(web, token) == "/portal"


async def test_another_patient_learns_nothing_and_uses_nothing_up(
    web: AsyncTestClient[Litestar], worker_db: Database, world: World, owner: Any
) -> None:
    home = Home(owner, world)
    token = await make(worker_db, world, patient=await home.neighbour())
    web.cookies.update(await home.cookie())
    assert await leads(web, token) == "/portal"
    assert await owner.fetchval("SELECT used_at FROM short_link") is None


async def test_the_token_itself_is_nowhere_in_the_database(worker_db: Database, world: World, owner: Any) -> None:
    token = await make(worker_db, world)
    assert (
        await owner.fetchval("SELECT count(*) FROM short_link WHERE position($1 in token_hash::text) > 0", token) == 0
    )
    assert len(token) == 11
