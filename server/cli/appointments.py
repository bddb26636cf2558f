"""`careloop appointments`: what a booking system wrote out, taken in as a table."""

from datetime import UTC, datetime
from typing import IO

import rich_click as click

from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.flows import import_appointments
from server.flows.import_appointments import Imported


@click.group()
def appointments() -> None:
    """Appointments: who is booked, and when."""


@appointments.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@organization_option
def import_(file: IO[str], organization_name: str | None) -> None:
    """Take in a table (CSV) of appointments; every line or none.

    Columns: mrn, starts_at (2026-12-01 10:30, on the patient's clock), measure (CMS125, or empty), status (booked,
    cancelled, fulfilled, noshow; empty: leave it as it is). The same file may come again: a patient's appointment at
    one time is one, and only a status that differs changes it.
    """
    text = file.read()

    async def work(desk: Desk) -> Imported:
        return await import_appointments.import_table(desk.database, desk.who, text, datetime.now(UTC))

    found = at_desk(organization_name, work)
    lines, new = "line" if found.lines == 1 else "lines", "appointment" if found.booked == 1 else "appointments"
    console.say(f"{found.lines} {lines}: {found.booked} new {new}, {found.changed} changed.")
