"""Whether this process lives, and whether it can do its work; says which part cannot."""

import asyncio
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State

from server.db import migrate
from server.db.pool import AWAY, Database
from server.security.sessions import NOBODY_YET

MIGRATION = "SELECT door_migration()"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`parts` names each part and how it is: "ok" or what is wrong."""

    status: str
    parts: dict[str, str] = {}


@get("/health/live", tags=["health"], summary="The process runs")
async def live() -> Health:
    return Health(status="ok")


@get("/health/ready", tags=["health"], summary="The process can serve", raises=[])
async def ready(request: Request[Any, Any, State]) -> Response[Health]:
    """200 when every part is ok, else 503."""
    state = request.app.state
    parts = {
        "database": await _database(state.database),
        "live events": "ok" if state.feed.alive else "the listener ended",
    }
    fine = all(says == "ok" for says in parts.values())
    health = Health(status="ok" if fine else "not ready", parts=parts)
    return Response(health, status_code=200 if fine else 503)


async def _database(database: Database) -> str:
    try:
        async with asyncio.timeout(5), database.transaction(NOBODY_YET) as db:
            at = await db.fetchval(MIGRATION)
    except AWAY:
        return "does not answer"
    except asyncpg.PostgresError as error:
        return f"not migrated, or the login is refused ({error.sqlstate}): run careloop migrate"
    wanted = int(migrate.files()[-1].name[:4])
    return "ok" if at >= wanted else f"migration {wanted:04} is missing: run careloop migrate"


handlers = [live, ready]
