"""A database for one campaign alone, beside other work on the same server; dropped afterwards. And room in memory."""

import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from server.db import migrate
from server.settings import Settings

ROOM = 4 * 1024**3


def in_memory() -> Path | None:
    """Linux's folder in memory when it has room: a thousand databases are made and dropped, for a page of text each."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


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
