"""How a command reaches the database: settings, the web's own login, and the organization that is meant."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import msgspec
import rich_click as click

from server import settings as settings_of
from server.db import pool
from server.db.pool import Database, Who
from server.errors import BadSetting, Invalid, NotFound
from server.ops import env_file
from server.people import organizations
from server.people.organizations import Organization
from server.settings import Settings

ENV_FILE = "careloop.env_file"
DEFAULT_ENV_FILE = Path("careloop.env")

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def organization_option(command: F) -> F:
    """`--organization NAME`, the same everywhere."""
    return click.option(
        "--organization", "organization_name", metavar="NAME", help="Which one; may be left out if there is only one."
    )(command)


def load() -> Settings:
    """The settings from the environment and, below it, from the file; children of ours inherit both."""
    for name, value in _from_file().items():
        os.environ.setdefault(name, value)
    return settings_of.load(os.environ)


def _from_file() -> Mapping[str, str]:
    context = click.get_current_context(silent=True)
    asked: Path | None = context.find_root().meta.get(ENV_FILE) if context else None
    path = asked or DEFAULT_ENV_FILE
    try:
        return env_file.parse(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        if asked:
            raise BadSetting(f"There is no settings file {path}. `careloop init` writes one.") from None
        return {}
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"The settings file {path} cannot be read.") from None


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command works: as the web's login, for one organization, in the operator's name."""

    settings: Settings
    database: Database
    organization: Organization

    @property
    def who(self) -> Who:
        return Who(principal=operator(), organization=self.organization.id)


def operator() -> str:
    """The audit's word for whoever types here."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return "cli:" + "".join(c if c.isascii() and c.isalnum() else "_" for c in user)


def at_desk(name: str | None, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
    """Run one command's work for the organization of that name, or the only one."""

    async def run() -> T:
        async with desk(load(), name) as opened:
            return await work(opened)

    return asyncio.run(run())


@asynccontextmanager
async def desk(settings: Settings, name: str | None) -> AsyncIterator[Desk]:
    organization = choose(await every_organization(settings), name)
    database = await pool.connect(settings.url_for("web"), name="command", size=2)
    try:
        yield Desk(settings=settings, database=database, organization=organization)
    finally:
        await database.close()


async def every_organization(settings: Settings) -> list[Organization]:
    """Asked as the worker, who serves them all; the web's login sees only the one it is told."""
    database = await pool.connect(settings.url_for("worker"), name="command", size=1)
    try:
        async with database.transaction(Who(principal="service:command")) as db:
            return await organizations.list_all(db)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        raise BadSetting("This database is not set up yet. Run: careloop migrate") from None
    finally:
        await database.close()


def choose(known: list[Organization], name: str | None) -> Organization:
    """The one of that name, or the only one."""
    if not known:
        raise Invalid("There is no organization yet. Run: careloop init")
    fitting = [one for one in known if name is None or one.name == name]
    if not fitting:
        raise NotFound(f"There is no organization {name!r}. Known: {', '.join(one.name for one in known)}.")
    if len(fitting) > 1:
        names = ", ".join(repr(one.name) for one in known)
        raise Invalid(f"There are several organizations. Say which with --organization, one of: {names}.")
    return fitting[0]
