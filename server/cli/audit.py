"""`careloop audit`: prove that nobody changed what was written down."""

import sys
import uuid

import rich_click as click

from server.cli import console
from server.cli.connect import every_organization, load
from server.db import pool
from server.db.pool import Who
from server.errors import NotFound
from server.people.organizations import Organization
from server.security import audit as chain
from server.settings import Settings


@click.group()
def audit() -> None:
    """The record of who looked and who changed what."""


@audit.command()
@click.option("--organization", "name", metavar="NAME", help="Only this one.")
@console.json_option
def verify(name: str | None, as_json: bool) -> None:
    """Walk every chain from its first row and compare it with the heads kept outside the database.

    Exit code 1 if a chain is broken; the position says where.
    """
    import asyncio

    found = asyncio.run(_verify(load(), name))
    if as_json:
        console.objects([{"organization": one.name, "intact": at is None, "broken_at": at} for one, at in found])
    else:
        for one, at in found:
            says = "intact" if at is None else f"BROKEN at position {at}"
            click.echo(f"{one.name}: {says}")
    sys.exit(1 if any(at is not None for _, at in found) else 0)


async def _verify(settings: Settings, name: str | None) -> list[tuple[Organization, int | None]]:
    chosen = [one for one in await every_organization(settings) if name in (None, one.name)]
    if not chosen:
        raise NotFound("There is no such organization to verify.")
    database = await pool.connect(settings.url_for("worker"), name="command", size=1)
    try:
        return [(one, await _one(database, settings, one.id)) for one in chosen]
    finally:
        await database.close()


async def _one(database: pool.Database, settings: Settings, organization: uuid.UUID) -> int | None:
    async with database.transaction(Who(principal="service:command")) as db:
        return await chain.verify(db, organization, settings.audit_head)
