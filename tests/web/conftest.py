"""The real application on a real database, without a socket; `tests/browser` has the real server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.app import create
from server.settings import Settings
from tests.web.people import PASSWORD, staff_login
from tests.world import World

Client = AsyncTestClient[Litestar]


@pytest.fixture
async def app(settings: Settings) -> Litestar:
    return create(settings)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[Client]:
    async with AsyncTestClient(app) as client:
        client.follow_redirects = False
        yield client


async def sign_in(client: Client, login: str, password: str = PASSWORD) -> Response:
    """As a script does it: plain fields, nothing fetched before."""
    return await client.post("/sign-in", data={"login": login, "password": password})


@pytest.fixture
async def nurse(client: Client, owner: Any, world: World) -> Client:
    """Signed in as the world's nurse."""
    login, _ = await staff_login(owner, world)
    answer = await sign_in(client, login)
    assert answer.status_code == 303
    return client
