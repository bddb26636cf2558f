"""Two organizations; the second must learn nothing of the first."""

import pytest

from server.db.pool import Database
from tests.people.desk import Desk, open_desk


@pytest.fixture
async def desk(web_db: Database) -> Desk:
    return await open_desk(web_db, "maple")


@pytest.fixture
async def other_desk(web_db: Database) -> Desk:
    return await open_desk(web_db, "birch")
