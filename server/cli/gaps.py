"""`careloop gap`: what was done, entered as evidence; it alone closes a gap."""

from datetime import UTC, date, datetime
from typing import IO

import rich_click as click

from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.cli.people import Day
from server.flows import record_evidence as flow


@click.group()
def gap() -> None:
    """Care gaps: enter the evidence that closes them."""


@gap.command("evidence")
@click.argument("mrn")
@click.option("--kind", required=True, type=click.Choice(flow.KINDS))
@click.option("--on", "done_on", required=True, type=Day(), help="The day it was done.")
@click.option("--source", required=True, help="Where it was read: a letter, a report, another record.")
@organization_option
def evidence(mrn: str, kind: str, done_on: date, source: str, organization_name: str | None) -> None:
    """Enter that something was done; gaps that it meets close at once.

    Example: careloop gap evidence LF-1001 --kind mammogram --on 2026-03-02 --source "radiology letter"
    """
    given = flow.Given(mrn=mrn, kind=kind, done_on=done_on, source=source)

    async def work(desk: Desk) -> int:
        return len(await flow.record_evidence(desk.database, desk.who, given, datetime.now(UTC)))

    console.say(f"Entered. {_closed(at_desk(organization_name, work))}")


@gap.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@organization_option
def import_(file: IO[str], organization_name: str | None) -> None:
    """Take in a table (CSV) of results of screenings and vaccinations; every line or none.

    Columns: mrn, kind (mammogram, influenza_vaccination …), done_on (2026-03-02), source (where it was read). What is
    known already is left as it is, so the same file may come again.
    """
    text = file.read()

    async def work(desk: Desk) -> flow.Imported:
        return await flow.import_table(desk.database, desk.who, text, datetime.now(UTC))

    found = at_desk(organization_name, work)
    console.say(f"{found.lines} lines: {found.new} new results. {_closed(found.closed)}")


def _closed(gaps: int) -> str:
    said = {0: "No gap closes by it.", 1: "One gap is closed."}
    return said.get(gaps, f"{gaps} gaps are closed.")
