"""The auditor's own login."""

from collections.abc import AsyncIterator

import pytest

from server.db import pool
from server.settings import Settings


@pytest.fixture
async def auditor_db(settings: Settings) -> AsyncIterator[pool.Database]:
    database = await pool.connect(settings.url_for("auditor"), name="test auditor", size=4)
    yield database
    await database.close()
