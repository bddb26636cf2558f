"""`careloop organization`: how far an organization's words reach, and what they come from."""

import asyncio
from datetime import UTC, datetime
from typing import get_args

import rich_click as click

from server.cli import console
from server.cli.connect import Desk, at_desk, every_organization, load, operator, organization_option
from server.cli.unclaimed import give, texts
from server.db import pool
from server.errors import Conflict
from server.flows import hire
from server.flows.change_sender import change_sender
from server.flows.found import Founding, change_state, found
from server.people import phones
from server.people.organizations import Organization, State
from server.settings import Settings

DEFAULT = "default"
MEANS: dict[State, str] = {
    "trial": "texts go only to the numbers listed here; everybody else's are withheld",
    "shadow": "readings are judged and shown with what would have been sent; nothing is sent to anybody",
    "live": "pages reach staff and reminders reach patients, for real",
}


@click.group()
def organization() -> None:
    """The organization and its state."""


@organization.command("show")
@organization_option
@console.json_option
def show(organization_name: str | None, as_json: bool) -> None:
    """Name, zone, state, and where texts come from."""

    async def work(desk: Desk) -> tuple[Organization, str]:
        return desk.organization, default_sender(desk.settings)

    one, default = at_desk(organization_name, work)
    if as_json:
        console.objects([one])
        return
    click.echo(f"{one.name}  ({one.zone})")
    click.echo(f"  state    {one.state}: {MEANS[one.state]}")
    click.echo(f"  numbers  {', '.join(one.trial_numbers) or 'none listed'}")
    click.echo(f"  sender   {one.sender_number or (f'{default} (of the installation)' if default else 'none')}")


@organization.command("add")
@click.option("--name", required=True)
@click.option("--zone", required=True, help="Like America/New_York.")
@click.option("--admin-name", default="Administrator", show_default=True)
@click.option("--admin-login", required=True)
@click.option("--admin-password", envvar="CARELOOP_ADMIN_PASSWORD", help="Made and shown once if left out.")
@click.option("--sender", help="What its texts come from: a number, or a messaging service (MG…).")
@console.json_option
def add(
    name: str,
    zone: str,
    admin_name: str,
    admin_login: str,
    admin_password: str | None,
    sender: str | None,
    as_json: bool,
) -> None:
    """Add another organization to this installation, in state trial; it learns nothing of the others."""
    access = hire.NewLogin(login=admin_login, password=admin_password or hire.new_password())
    wanted = Founding(
        name=name, zone=zone, sender_number=sender, admin=hire.Hire(name=admin_name, role="admin", login=access)
    )
    made = asyncio.run(_add(load(), wanted))
    shown = {"organization": str(made.id), "name": made.name, "state": made.state, "admin_login": admin_login.lower()}
    if admin_password is None:
        shown["admin_password"] = access.password
    if as_json:
        console.objects([shown])
        return
    for key, value in shown.items():
        click.echo(f"{key:<15} {value}{'   (shown only now)' if key == 'admin_password' else ''}")


async def _add(settings: Settings, wanted: Founding) -> Organization:
    if any(one.name == wanted.name for one in await every_organization(settings)):
        raise Conflict(f"There is an organization {wanted.name!r} already.")
    database = await pool.connect(settings.url_for("web"), name="command", size=1)
    try:
        return await found(database, operator(), wanted, datetime.now(UTC))
    finally:
        await database.close()


@organization.command("state")
@click.argument("state", type=click.Choice(get_args(State)))
@click.option("--number", "numbers", multiple=True, help="Trial: a number texts may go to; repeat.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@organization_option
def state(state: State, numbers: tuple[str, ...], yes: bool, organization_name: str | None) -> None:
    """Change to trial, shadow or live, after saying what it means.

    Example: careloop organization state trial --number "+1 212 555 0123"
    """
    allowed = [phones.normalise(number) for number in numbers]

    async def work(desk: Desk) -> Organization:
        click.echo(f"{desk.organization.name} is {desk.organization.state} now.")
        click.echo(f"In state {state}, {MEANS[state]}.")
        if not yes:
            click.confirm("Change it?", abort=True)
        kept = allowed or desk.organization.trial_numbers
        if not await change_state(desk.database, desk.who, state, kept, datetime.now(UTC)):
            raise Conflict(f"{desk.organization.name} is in this state already.")
        return desk.organization

    changed = at_desk(organization_name, work)
    click.echo(f"{changed.name} is {state}.")


@organization.command("sender")
@click.argument("sender")
@organization_option
def sender(sender: str, organization_name: str | None) -> None:
    """Text from SENDER from now on: a number, a short code or a messaging service; "default": the installation's.

    Who opted out stays opted out. Example: careloop organization sender "+1 212 555 0100"
    """

    async def work(desk: Desk) -> str:
        wanted, default = None if sender == DEFAULT else sender, default_sender(desk.settings)
        made = await change_sender(desk.database, desk.who, wanted, datetime.now(UTC), default)
        return f"{desk.organization.name} texts from {made or default or 'nothing yet: set TWILIO_SENDER'}."

    click.echo(at_desk(organization_name, work))


def default_sender(settings: Settings) -> str:
    return settings.twilio.sender if settings.twilio else ""


organization.add_command(texts)
organization.add_command(give)
