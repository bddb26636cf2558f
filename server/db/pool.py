"""The one way to a connection. Whoever asks for one says who is asking; the database filters by it."""

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import msgspec

from server.errors import Unavailable

Db: TypeAlias = Any  # a connection of asyncpg, which ships no types

# What a lost or absent server raises. A caller backs off and tries again; nothing is acknowledged meanwhile.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection cut in the middle of a statement
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


QUOTE = "'"
_TO_SAY: dict[int, dict[tuple[str, str], None]] = {}  # by connection, of the transactions that are open


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking. Services leave `organization` out and are limited by their role's grants alone."""

    principal: str
    organization: uuid.UUID | None = None
    patient: uuid.UUID | None = None


class Database:
    """A pool of connections of one role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self, who: Who) -> AsyncIterator[Db]:
        """A connection inside a transaction that knows who is asking; commits when the block ends well.

        Beginning and naming are one round trip. The settings are local to the transaction, so nothing of
        one principal is left on the connection for the next. What `say_at_commit` was given goes with the COMMIT.
        """
        async with self._pool.acquire() as db:
            await db.execute(_begin(who))
            try:
                said = _TO_SAY[id(db)] = {}
                yield db
            except BaseException:
                await _rollback(db)
                raise
            finally:
                _TO_SAY.pop(id(db), None)
            await db.execute(_commit(said))

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[Db]:
        """A connection on which each statement is a transaction by itself: two round trips less.

        Nobody is named, so it is for services only, and for tables whose policies let them see everything.
        """
        async with self._pool.acquire() as db:
            yield db

    async def close(self) -> None:
        await self._pool.close()

    def terminate(self) -> None:
        """Drop every connection at once; used when a graceful close did not end in time."""
        self._pool.terminate()


def _begin(who: Who) -> str:
    # Simple-protocol statements take no parameters; these are our own UUIDs and names, never user's text.
    organization = who.organization.hex if who.organization else ""
    patient = who.patient.hex if who.patient else ""
    if not all(part.isalnum() or part in ":-_" for part in who.principal):
        raise ValueError("a principal is made of letters, digits, ':', '-' and '_'")
    return (
        f"BEGIN; SET LOCAL app.organization = '{organization}';"
        f" SET LOCAL app.principal = '{who.principal}'; SET LOCAL app.patient = '{patient}'"
    )


def _commit(said: Iterable[tuple[str, str]]) -> str:
    """Our own topics and UUIDs as JSON, quoted all the same."""
    told = (f"SELECT pg_notify('{channel}', '{news.replace(QUOTE, QUOTE * 2)}'); " for channel, news in said)
    return "".join(told) + "COMMIT"


def say_at_commit(db: Db, channel: str, news: Iterable[str]) -> bool:
    """Whoever listens hears it when this transaction commits, once; False when `db` is in none of ours."""
    said = _TO_SAY.get(id(db))
    if said is not None:
        said.update(dict.fromkeys((channel, one) for one in news))
    return said is not None


async def _rollback(db: Db) -> None:
    if not db.is_closed():
        await db.execute("ROLLBACK")


async def connect(url: str, *, name: str, size: int = 8, lazy: bool = False, generic_plans: bool = False) -> Database:
    """Open a pool of one role; `Unavailable` says in one line what is wrong with the address or server.

    A lazy pool opens even while the server is away; asking it for a connection then raises one of `AWAY`.
    With `generic_plans` a statement is planned once per connection, which is right where every statement is
    made for batches of any size: planning one reading's statements took longer than running them. Such a plan
    outlives the day when the tables were empty, so it may not count on their being small.
    """
    planning = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"} if generic_plans else {}
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=0 if lazy else 1,
            max_size=size,
            timeout=10,
            command_timeout=60,
            init=_prepare,
            reset=_as_it_is,
            server_settings={"application_name": f"careloop {name}", "timezone": "UTC", "jit": "off", **planning},
        )
    except (*AWAY, asyncpg.PostgresError, ValueError) as error:
        raise Unavailable(why_not(url, error)) from None
    return Database(pool)


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_encode_json, decoder=msgspec.json.decode, schema="pg_catalog", format="text"
    )


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Every setting of ours is local to its transaction, so nothing needs a round trip to be undone."""


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def why_not(url: str, error: BaseException) -> str:
    """One line for a person: which server, what it said, what to check. Never the password."""
    at = url.rpartition("@")[2].partition("?")[0]
    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return (
            f"PostgreSQL at {at} refused the login. Check user and password in DATABASE_URL, then run: careloop migrate"
        )
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return f"PostgreSQL at {at} has no such database. Create it, or check the name in DATABASE_URL."
    if isinstance(error, asyncpg.PostgresError):
        return f"PostgreSQL at {at} answered with an error ({error.sqlstate}). Check DATABASE_URL."
    return f"PostgreSQL at {at} does not answer. Is it running, and is DATABASE_URL right?"
