"""The whole application on the real web role, and a patient signed in to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.app import create
from server.settings import Settings
from tests.portal.home import Home
from tests.world import World


@pytest.fixture
async def home(owner: Any, world: World) -> Home:
    return Home(owner, world)


@pytest.fixture
async def web(settings: Settings, world: World) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The whole application on the real web role, nobody signed in; redirects are not followed."""
    async with AsyncTestClient(create(settings), base_url="http://127.0.0.1:8000") as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
async def portal(web: AsyncTestClient[Litestar], home: Home) -> AsyncTestClient[Litestar]:
    """The same with the world's patient signed in."""
    web.cookies.update(await home.cookie())
    return web
