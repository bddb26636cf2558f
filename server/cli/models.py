"""`careloop device model`: what kinds of devices a clinic lends."""

from datetime import UTC, datetime

import rich_click as click

from devices import enrol
from devices.formats import DECODERS
from devices.units import KINDS
from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.flows import lend as lending


@click.group("model")
def model() -> None:
    """Device models: format, what they measure, user slots, battery."""


@model.command("add")
@click.argument("name")
@click.option("--maker", default="unknown", show_default=True)
@click.option(
    "--kind", "kinds", required=True, multiple=True, type=click.Choice(list(KINDS)), help="What it measures; repeat."
)
@click.option("--format", "format_name", type=click.Choice(sorted(DECODERS)), default="native", show_default=True)
@click.option("--slots", type=click.IntRange(1, 16), default=1, show_default=True, help="User buttons.")
@click.option("--battery", help='As on its label, such as "4 x AA".')
@click.option(
    "--silent-after",
    type=click.IntRange(1, 8760),
    help="Hours it may send nothing before an alarm; weekly scales need more.",
)
@organization_option
def add(
    name: str,
    maker: str,
    kinds: tuple[str, ...],
    format_name: str,
    slots: int,
    battery: str | None,
    silent_after: int | None,
    organization_name: str | None,
) -> None:
    """Make a model NAME, which `careloop device add --model NAME` then uses.

    Example: careloop device model add "Cuff 7" --maker Acme --kind blood_pressure --slots 2
    """
    new = enrol.Model(
        name=name, maker=maker, kinds=list(kinds), format=format_name, slots=slots, battery=battery,
        silent_after_hours=silent_after,
    )  # fmt: skip

    async def work(desk: Desk) -> None:
        await lending.add_model(desk.database, desk.who, new, datetime.now(UTC))

    at_desk(organization_name, work)
    click.echo(f"Model {name} is known.")


@model.command("silence")
@click.argument("name")
@click.argument("hours", type=click.IntRange(0, 8760))
@organization_option
def silence(name: str, hours: int, organization_name: str | None) -> None:
    """Devices of model NAME may send nothing for HOURS before an alarm; 0 is the installation's CARELOOP_SILENT_HOURS.

    Example, for a scale used once a week: careloop device model silence "Scale 3" 240
    """

    async def work(desk: Desk) -> None:
        await lending.set_silence(desk.database, desk.who, name, hours or None, datetime.now(UTC))

    at_desk(organization_name, work)
    click.echo(f"{name}: an alarm after {hours} hours of silence." if hours else f"{name}: as the installation says.")


@model.command("list")
@organization_option
@console.json_option
def list_(organization_name: str | None, as_json: bool) -> None:
    """The models of this clinic."""

    async def work(desk: Desk) -> list[enrol.Model]:
        async with desk.database.transaction(desk.who) as db:
            return await enrol.models(db)

    found = at_desk(organization_name, work)
    if as_json:
        console.objects(found)
        return
    rows = [
        (m.name, m.maker, ", ".join(m.kinds), m.format, m.slots, m.battery or "-", m.silent_after_hours or "-")
        for m in found
    ]
    columns = ("Model", "Maker", "Measures", "Format", "Slots", "Battery", "Silent after h")
    console.table(columns, rows, empty="No models yet. Run: careloop device model add --help")
