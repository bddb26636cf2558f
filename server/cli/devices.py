"""`careloop device`: register, list, shut out, let in again; its loans, models and certificates are beside."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from devices import authority, enrol
from devices.units import KINDS
from server.cli import certificates, console, links, loans, models
from server.cli.connect import Desk, at_desk, organization_option
from server.cli.loans import patient_id
from server.errors import Invalid
from server.flows import access, certify
from server.flows import lend as lending
from server.flows.access import AtBroker


@click.group()
def device() -> None:
    """Home devices and hubs: who may send, and whose readings they are."""


device.add_command(models.model)
for command in (loans.lend, loans.return_, links.link, links.unlink, certificates.renew, certificates.revoke):
    device.add_command(command)


@device.command("add")
@click.option("--model", required=True, help="As on its label; made if it is new here.")
@click.option("--maker", default="unknown", show_default=True)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS)),
    help="What it measures; repeat. A model that is known needs none.",
)
@click.option("--id", "device_id", help="Its name in the topic; made if left out.")
@click.option("--patient", help="Lend it at once: the patient's id or record number.")
@click.option(
    "--tls", is_flag=True, help="It signs in with a certificate instead of a password; the key is written to --folder."
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="With --tls: where key and certificate go."
)
@organization_option
@console.json_option
def add(
    model: str,
    maker: str,
    kinds: tuple[str, ...],
    device_id: str | None,
    patient: str | None,
    tls: bool,
    folder: Path | None,
    organization_name: str | None,
    as_json: bool,
) -> None:
    """Register a device and show its password, once; or with --tls write its key and certificate.

    With MQTT_ADMIN_URL set it may sign in at the broker at once; else the commands for that are printed.

    Example: careloop device add --model "Cuff 7" --kind blood_pressure --patient CL-0017
    """
    if folder and not tls:
        raise Invalid("--folder goes with --tls.")

    async def new(desk: Desk) -> lending.NewDevice:
        lent_to = await patient_id(desk, patient) if patient else None
        return lending.NewDevice(model=model, maker=maker, kinds=kinds, id=device_id, patient=lent_to)

    async def with_password(desk: Desk) -> lending.Registered:
        url = desk.settings.mqtt_admin_url
        return await lending.register(desk.database, desk.who, await new(desk), url, datetime.now(UTC))

    async def with_certificate(desk: Desk) -> certify.Certified:
        now = datetime.now(UTC)
        ours = certify.open_authority(desk.settings.authority, now)
        url = desk.settings.mqtt_admin_url
        return await certify.register(desk.database, desk.who, await new(desk), ours, url, now)

    if tls:
        _show_certified(at_desk(organization_name, with_certificate), folder, as_json=as_json)
    else:
        _show(at_desk(organization_name, with_password), as_json=as_json)


def _show(made: lending.Registered, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "id": made.device_id,
            "username": made.device_id,
            "password": made.password,
            "granted_at_broker": made.granted,
            "broker_commands": made.commands,
        }
        console.objects([shown])
        return
    click.echo(f"Device    {made.device_id}")
    click.echo(f"Password  {made.password}   (shown only now)")
    if made.granted:
        click.echo("It may sign in at the broker now, with its id as user name.")
    told(AtBroker(commands=made.commands, why_not=made.why_not), "Let it in, with the password above when asked")


def _show_certified(made: certify.Certified, folder: Path | None, *, as_json: bool) -> None:
    files = authority.write(folder or Path(made.device_id), made.issued, made.device_id)
    if as_json:
        shown = {
            "id": made.device_id,
            "serial": made.issued.serial,
            "expires_at": made.issued.expires_at,
            "files": [str(path) for path in files],
            "granted_at_broker": made.at_broker.done,
            "broker_commands": made.at_broker.commands,
        }
        console.objects([shown])
        return
    click.echo(f"Device    {made.device_id}")
    certificates.show(made.issued, files)
    told(made.at_broker, "Let it in")


def told(at_broker: AtBroker, what: str) -> None:
    """What is left to do at a broker that we could not tell."""
    if at_broker.why_not:
        click.echo(f"The broker could not be told: {at_broker.why_not}")
    if at_broker.commands:
        click.echo(f"{what}. At your broker, run:")
        for command in at_broker.commands:
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


@device.command("disable")
@click.argument("device_id")
@organization_option
def disable(device_id: str, organization_name: str | None) -> None:
    """Refuse DEVICE_ID from now on, and disconnect it: lost, stolen or worn out."""

    async def work(desk: Desk) -> AtBroker:
        url = desk.settings.mqtt_admin_url
        return await access.disable(desk.database, desk.who, device_id, url, datetime.now(UTC))

    at_broker = at_desk(organization_name, work)
    click.echo(f"Device {device_id} is disabled.")
    told(at_broker, "Its readings are refused already; shut it out there as well")


@device.command("enable")
@click.argument("device_id")
@organization_option
def enable(device_id: str, organization_name: str | None) -> None:
    """Let a disabled DEVICE_ID speak again, with the password or certificate it has."""

    async def work(desk: Desk) -> AtBroker:
        url = desk.settings.mqtt_admin_url
        return await access.enable(desk.database, desk.who, device_id, url, datetime.now(UTC))

    at_broker = at_desk(organization_name, work)
    click.echo(f"Device {device_id} is enabled.")
    told(at_broker, "Let it in there as well")


@device.command("rotate")
@click.argument("device_id")
@organization_option
@console.json_option
def rotate(device_id: str, organization_name: str | None, as_json: bool) -> None:
    """Give DEVICE_ID a new password, shown once; the old one is refused from now on."""

    async def work(desk: Desk) -> access.Rotated:
        url = desk.settings.mqtt_admin_url
        return await access.rotate(desk.database, desk.who, device_id, url, datetime.now(UTC))

    made = at_desk(organization_name, work)
    if as_json:
        shown = {
            "id": device_id,
            "password": made.password,
            "granted_at_broker": made.at_broker.done,
            "broker_commands": made.at_broker.commands,
        }
        console.objects([shown])
        return
    click.echo(f"Password  {made.password}   (shown only now)")
    told(made.at_broker, "Until this is done the broker takes the old one. Give the password above when asked")
