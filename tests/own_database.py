"""A database for one campaign alone, beside other work on the same server; dropped afterwards."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import msgspec

from server.db import migrate
from server.settings import Settings


@asynccontextmanager
async def own_database(settings: Settings, now: datetime) -> AsyncIterator[Settings]:
    """The same settings, pointing at an empty migrated database."""
    name = f"careloop_campaign_{uuid.uuid4().hex[:8]}"
    server = await asyncpg.connect(settings.database_url)
    try:
        await server.execute(f"CREATE DATABASE {name}")
        url = settings.database_url.rpartition("/")[0] + f"/{name}"
        await migrate.migrate(url, settings.secret_key, now)
        yield msgspec.structs.replace(settings, database_url=url, role_urls={})
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.close()
