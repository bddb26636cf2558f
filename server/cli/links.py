"""`careloop device link` and `unlink`: which hub or vendor's account may speak for a device."""

from datetime import UTC, datetime

import rich_click as click

from server.cli.connect import Desk, at_desk, organization_option
from server.flows import link as linking


@click.command("link")
@click.argument("device_id")
@click.argument("hub_id")
@organization_option
def link(device_id: str, hub_id: str, organization_name: str | None) -> None:
    """HUB_ID, a hub or a vendor's account, may send what DEVICE_ID measured.

    Example: careloop device link tenovi-7c1e vendor-tenovi
    """

    async def work(desk: Desk) -> None:
        await linking.link(desk.database, desk.who, device_id, hub_id, datetime.now(UTC))

    at_desk(organization_name, work)
    click.echo(f"{hub_id} speaks for {device_id}.")


@click.command("unlink")
@click.argument("device_id")
@organization_option
def unlink(device_id: str, organization_name: str | None) -> None:
    """No hub speaks for DEVICE_ID any more."""

    async def work(desk: Desk) -> None:
        await linking.unlink(desk.database, desk.who, device_id, datetime.now(UTC))

    at_desk(organization_name, work)
    click.echo(f"No hub speaks for {device_id} any more.")
