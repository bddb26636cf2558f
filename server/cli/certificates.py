"""`careloop device renew` and `revoke`: the certificates by which devices prove who they are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from devices import authority
from devices.authority import Issued
from server.cli.connect import Desk, at_desk, organization_option
from server.flows import certify


@click.command("renew")
@click.argument("device_id")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where; ./DEVICE_ID if left out.")
@organization_option
def renew(device_id: str, folder: Path | None, organization_name: str | None) -> None:
    """Write one more key and certificate for DEVICE_ID; the earlier ones stay good until revoked."""

    async def work(desk: Desk) -> Issued:
        now = datetime.now(UTC)
        ours = certify.open_authority(desk.settings.authority, now)
        return await certify.renew(desk.database, desk.who, device_id, ours, now)

    issued = at_desk(organization_name, work)
    show(issued, authority.write(folder or Path(device_id), issued, device_id))


@click.command("revoke")
@click.argument("device_id")
@click.option("--serial", help="Only this certificate; all of the device's if left out.")
@organization_option
def revoke(device_id: str, serial: str | None, organization_name: str | None) -> None:
    """Put the certificates of DEVICE_ID on the revocation list. To shut the device out wholly, disable it too."""

    async def work(desk: Desk) -> tuple[certify.Revoked, Path]:
        now = datetime.now(UTC)
        ours = certify.open_authority(desk.settings.authority, now)
        return await certify.revoke(desk.database, desk.who, device_id, ours, now, serial), ours.crl

    revoked, crl = at_desk(organization_name, work)
    for one in revoked.serials:
        click.echo(f"Revoked   {one}")
    click.echo(f"List      {crl}")
    click.echo("The demo's broker reads it by itself. Make your own read it: kill -HUP <process id of mosquitto>")
    click.echo("A connection that stands already stays: end it with `careloop device disable`.")


def show(issued: Issued, files: Sequence[Path]) -> None:
    """What was written, and how long it is good."""
    click.echo(f"Serial    {issued.serial}, good until {issued.expires_at:%Y-%m-%d}")
    for path in files:
        click.echo(f"Written   {path}")
    click.echo("The key is kept nowhere else. Move it to the device, then delete it here.")
