"""`careloop device`: register, list, lend, take back and disable home devices and hubs."""

import uuid
from datetime import UTC, datetime, timedelta

import rich_click as click

from devices import enrol
from devices.units import KINDS
from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.errors import NotFound
from server.flows import lend as lending
from server.people import patients


@click.group()
def device() -> None:
    """Home devices and hubs: who may send, and whose readings they are."""


@device.command("add")
@click.option("--model", required=True, help="As on its label; made if it is new here.")
@click.option("--maker", default="unknown", show_default=True)
@click.option(
    "--kind", "kinds", required=True, multiple=True, type=click.Choice(list(KINDS)), help="What it measures; repeat."
)
@click.option("--id", "device_id", help="Its name in the topic; made if left out.")
@click.option("--patient", help="Lend it at once: the patient's id or record number.")
@organization_option
@console.json_option
def add(
    model: str,
    maker: str,
    kinds: tuple[str, ...],
    device_id: str | None,
    patient: str | None,
    organization_name: str | None,
    as_json: bool,
) -> None:
    """Register a device and show its password, once.

    With MQTT_ADMIN_URL set it may sign in at the broker at once; else the commands for that are printed.

    Example: careloop device add --model "Cuff 7" --kind blood_pressure --patient CL-0017
    """

    async def work(desk: Desk) -> lending.Registered:
        new = lending.NewDevice(
            model=model,
            maker=maker,
            kinds=kinds,
            id=device_id,
            patient=await patient_id(desk, patient) if patient else None,
        )
        return await lending.register(desk.database, desk.who, new, desk.settings.mqtt_admin_url, datetime.now(UTC))

    registered = at_desk(organization_name, work)
    _show(registered, as_json=as_json)


def _show(made: lending.Registered, *, as_json: bool) -> None:
    if as_json:
        console.objects(
            [
                {
                    "id": made.device_id,
                    "username": made.device_id,
                    "password": made.password,
                    "granted_at_broker": made.granted,
                    "broker_commands": made.commands,
                }
            ]
        )
        return
    click.echo(f"Device    {made.device_id}")
    click.echo(f"Password  {made.password}   (shown only now)")
    if made.granted:
        click.echo("It may sign in at the broker now, with its id as user name.")
        return
    if made.why_not:
        click.echo(f"The broker could not be told: {made.why_not}")
    click.echo("Let it in at your broker with (give the password above when asked):")
    for command in made.commands:
        click.echo(f"  {command}")


@device.command("list")
@organization_option
@console.json_option
def list_(organization_name: str | None, as_json: bool) -> None:
    """Devices: who has them, and when they last spoke."""

    async def work(desk: Desk) -> list[enrol.Listed]:
        async with desk.database.transaction(desk.who) as db:
            return await enrol.list_all(db, datetime.now(UTC))

    found = at_desk(organization_name, work)
    if as_json:
        console.objects(found)
        return
    rows = [
        (d.id, d.model, ", ".join(d.kinds), d.patient_id or "-", _when(d.last_seen_at), d.stored_count, _state(d))
        for d in found
    ]
    columns = ("Device", "Model", "Measures", "Lent to", "Last seen", "Stored", "State")
    console.table(columns, rows, empty="No devices yet. Run: careloop device add --help")


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _state(one: enrol.Listed) -> str:
    return "disabled" if one.disabled_at else "active"


@device.command("lend")
@click.argument("device_id")
@click.argument("patient")
@click.option("--since-hours", default=0.0, show_default=True, help="It was lent this many hours ago.")
@organization_option
def lend(device_id: str, patient: str, since_hours: float, organization_name: str | None) -> None:
    """From now on DEVICE_ID's readings are PATIENT's (id or record number)."""

    async def work(desk: Desk) -> None:
        now = datetime.now(UTC)
        who = await patient_id(desk, patient)
        since = now - timedelta(hours=since_hours)
        await lending.lend(desk.database, desk.who, device_id, who, since, now)

    at_desk(organization_name, work)
    click.echo(f"Device {device_id} is lent.")


@device.command("return")
@click.argument("device_id")
@organization_option
def return_(device_id: str, organization_name: str | None) -> None:
    """DEVICE_ID came back; what it measured before stays the patient's."""

    async def work(desk: Desk) -> None:
        await lending.take_back(desk.database, desk.who, device_id, datetime.now(UTC))

    at_desk(organization_name, work)
    click.echo(f"Device {device_id} is back.")


@device.command("disable")
@click.argument("device_id")
@organization_option
def disable(device_id: str, organization_name: str | None) -> None:
    """Refuse DEVICE_ID from now on: lost, stolen or worn out."""

    async def work(desk: Desk) -> str | None:
        now = datetime.now(UTC)
        return await lending.disable(desk.database, desk.who, device_id, desk.settings.mqtt_admin_url, now)

    by_hand = at_desk(organization_name, work)
    click.echo(f"Device {device_id} is disabled.")
    if by_hand:
        click.echo(f"At your broker, run:\n  {by_hand}")


async def patient_id(desk: Desk, typed: str) -> uuid.UUID:
    """A patient by id or record number; `NotFound` when it is nobody's here."""
    async with desk.database.transaction(desk.who) as db:
        try:
            found = await patients.get(db, uuid.UUID(typed))
        except ValueError:
            by_number = [one for one in await patients.find(db, typed, 2) if one.mrn == typed]
            found = await patients.get(db, by_number[0].id) if by_number else None
    if found is None:
        raise NotFound("There is no such patient. `careloop patient list` shows ids and record numbers.")
    return found.id
