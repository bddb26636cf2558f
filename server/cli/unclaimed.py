"""`careloop organization texts` and `give`: texts that came in and belong to nobody, until a person says whose."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import rich_click as click

from server.cli import console
from server.cli.connect import choose, every_organization, load, operator, organization_option
from server.db import pool
from server.db.pool import Db, Who
from server.errors import NotFound
from server.people import unclaimed_texts
from server.people.organizations import Organization
from server.security import audit
from server.settings import Settings

T = TypeVar("T")


@click.command("texts")
@click.option("--words", is_flag=True, help="Show the words too. They may speak of somebody's health.")
@console.json_option
def texts(words: bool, as_json: bool) -> None:
    """Texts that came in and belong to no organization, newest first."""
    found = asyncio.run(_as_service(load(), unclaimed_texts.left))
    rows = [
        {
            "id": one.sid, "received_at": one.received_at.isoformat(timespec="seconds"), "to": ", ".join(one.numbers),
            "from": one.from_number, **({"words": one.body} if words else {}),
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        console.objects(rows)
        return
    console.table(
        list(rows[0]) if rows else [], [list(row.values()) for row in rows], empty="Every text is somebody's."
    )


@click.command("give")
@click.argument("text_id")
@organization_option
def give(text_id: str, organization_name: str | None) -> None:
    """The text TEXT_ID is this organization's: the worker acts on it as if it had just come."""
    made = asyncio.run(_give(load(), text_id, organization_name))
    click.echo(f"It is {made.name}'s. The worker acts on it within a minute.")


async def _give(settings: Settings, sid: str, name: str | None) -> Organization:
    one = choose(await every_organization(settings), name)

    async def work(db: Db) -> bool:
        who = Who(principal=operator(), organization=one.id)
        if given := await unclaimed_texts.give(db, sid, one.id):
            await audit.note(db, who, one.id, "text.give", f"text:{sid}", datetime.now(UTC))
        return given

    if not await _as_service(settings, work):
        raise NotFound("No such text waits: see careloop organization texts.")
    return one


async def _as_service(settings: Settings, work: Callable[[Db], Awaitable[T]]) -> T:
    """The web's login sees no text that is nobody's."""
    database = await pool.connect(settings.url_for("worker"), name="command", size=1)
    try:
        async with database.transaction(Who(principal=operator())) as db:
            return await work(db)
    finally:
        await database.close()
