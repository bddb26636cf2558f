"""Bring a database to the shape this code needs: numbered files, each once, checked by content."""

import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from server.db import partitions
from server.db.pool import AWAY, why_not
from server.errors import BadSetting, Unavailable
from server.settings import ROLES, Role, as_role, role_password

FOLDER = Path(__file__).parent / "migrations"
OLDEST_SERVER = 150000
LOCK = 4_207_100_001  # "careloop migrate": one at a time in a database
ROLE_LOCK = 4_207_100_002  # roles belong to the cluster, so their lock is taken in the database postgres

Owner = Any  # asyncpg.Connection; its stubs do not agree with pool proxies

LEDGER = """
    CREATE TABLE IF NOT EXISTS migration (
        number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)
"""
APPLIED = "SELECT number, name, checksum FROM migration ORDER BY number"
RECORD = "INSERT INTO migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)"
ROLE_EXISTS = "SELECT 1 FROM pg_roles WHERE rolname = $1"
MAY_BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


async def migrate(
    url: str,
    secret_key: str,
    now: datetime,
    *,
    folder: Path = FOLDER,
    say: Callable[[str], None] = lambda _: None,
    replace_logins: bool = False,
) -> list[str]:
    """Apply what is missing; returns the names applied. Safe to run from several machines at once.

    Raises `Unavailable` when the server does not answer, `BadSetting` when the login may not do this, a shipped
    file was changed, or the logins belong to an installation with another secret key (`replace_logins` takes
    them over).
    """
    async with _owner(url):
        pass  # a wrong address is told of in the terms it was given in
    if not replace_logins:
        await _logins_are_ours(url, secret_key)
    await _ensure_roles(url, secret_key, say)
    async with _owner(url) as owner:
        await owner.execute("SELECT pg_advisory_lock($1)", LOCK)
        try:
            applied = await _apply_files(owner, folder, now, say)
            await partitions.make_ahead(owner, now.date())
        finally:
            await owner.execute("SELECT pg_advisory_unlock($1)", LOCK)
    return applied


async def pending(url: str, folder: Path = FOLDER) -> list[str]:
    """Names of the files not applied yet; read-only."""
    async with _owner(url) as owner:
        if await owner.fetchval("SELECT to_regclass('migration')") is None:
            return [path.name for path in files(folder)]
        done = {row["name"] for row in await owner.fetch(APPLIED)}
        return [path.name for path in files(folder) if path.name not in done]


async def make_partitions(url: str, today: date) -> list[str]:
    """Months ahead, as the worker asks daily; needs the owner's address."""
    async with _owner(url) as owner:
        return await partitions.make_ahead(owner, today)


def files(folder: Path = FOLDER) -> list[Path]:
    """The migrations in order."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))


async def _apply_files(owner: Owner, folder: Path, now: datetime, say: Callable[[str], None]) -> list[str]:
    await owner.execute(LEDGER)
    done = {row["number"]: row for row in await owner.fetch(APPLIED)}
    applied = []
    for path in files(folder):
        number, text = int(path.name[:4]), path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if number in done:
            _unchanged(done[number]["checksum"], checksum, path.name)
            continue
        async with owner.transaction():
            await owner.execute(text)
            await owner.execute(RECORD, number, path.name, checksum, now)
        say(f"applied {path.name}")
        applied.append(path.name)
    return applied


def _unchanged(recorded: str, found: str, name: str) -> None:
    if recorded != found:
        raise BadSetting(
            f"Migration {name} differs from the one this database was made with. "
            "Restore the file as shipped; changes go into a new file."
        )


async def _logins_are_ours(url: str, secret_key: str) -> None:
    """Roles belong to the whole server: with another key, `migrate` would lock that other installation out."""
    try:
        connection = await asyncpg.connect(as_role(url, "web", secret_key), timeout=10)
    except asyncpg.InvalidPasswordError:
        async with _owner(url) as owner:
            if await owner.fetchval(ROLE_EXISTS, "careloop_web") is None:
                return
        raise BadSetting(
            "This PostgreSQL server already has logins of a Careloop with another CARELOOP_SECRET_KEY. Use that key, "
            "or another server, or take the logins over with --replace-logins "
            "(the other installation then stops)."
        ) from None
    except (*AWAY, asyncpg.PostgresError):
        return  # what is wrong will be told by whoever needs it
    await connection.close()


async def _ensure_roles(url: str, secret_key: str, say: Callable[[str], None]) -> None:
    """Make the login roles and give them the passwords that the secret key derives."""
    async with _owner(_database(url, "postgres")) as owner:
        await owner.execute("SELECT pg_advisory_lock($1)", ROLE_LOCK)
        try:
            bypass = await owner.fetchval(MAY_BYPASS)
            for role in ROLES:
                await _ensure_role(owner, role, secret_key, bypass=bypass, say=say)
        except asyncpg.InsufficientPrivilegeError:
            raise BadSetting(
                "The login in DATABASE_URL may not create roles. "
                "As a database administrator run: ALTER ROLE <that login> CREATEROLE"
            ) from None
        finally:
            await owner.execute("SELECT pg_advisory_unlock($1)", ROLE_LOCK)


async def _ensure_role(owner: Owner, role: Role, secret_key: str, *, bypass: bool, say: Callable[[str], None]) -> None:
    name = f"careloop_{role}"
    if await owner.fetchval(ROLE_EXISTS, name) is None:
        await owner.execute(f"CREATE ROLE {name} LOGIN")
        say(f"made role {name}")
    # The server gets the verifier, not the password: a statement log shows nothing usable.
    verifier = scram_verifier(role_password(secret_key, role), os.urandom(16))
    await owner.execute(f"ALTER ROLE {name} LOGIN PASSWORD '{verifier}'")
    if role == "backup" and bypass:
        await owner.execute(f"ALTER ROLE {name} BYPASSRLS")
    elif role == "backup":
        say("careloop_backup cannot read every row; a superuser can grant it: ALTER ROLE careloop_backup BYPASSRLS")


def scram_verifier(password: str, salt: bytes, rounds: int = 4096) -> str:
    """What PostgreSQL stores for SCRAM-SHA-256 (RFC 5803), for a password of ASCII characters."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    coded = [base64.b64encode(raw).decode() for raw in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{coded[0]}${coded[1]}:{coded[2]}"


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[Owner]:
    try:
        owner = await asyncpg.connect(url, timeout=10, server_settings={"timezone": "UTC"})
    except (*AWAY, asyncpg.PostgresError, ValueError) as error:
        raise Unavailable(why_not(url, error)) from None
    try:
        if int(await owner.fetchval("SHOW server_version_num")) < OLDEST_SERVER:
            raise BadSetting("This PostgreSQL is older than 15. Careloop needs 15 or later.")
        yield owner
    finally:
        await owner.close()
