"""`careloop simulate`: invented homes that send readings over the broker, for demos and trials only."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from devices import simulator
from devices.scenarios import SCENARIOS
from devices.simulator import Broker, Pace, Sent
from server.cli import console
from server.cli.connect import desk, load, organization_option
from server.cli.scenario import play
from server.settings import Settings, mqtt_parts


@click.command()
@click.option(
    "--homes", type=click.Path(path_type=Path), default=Path(".careloop/homes.json"), show_default=True,
    help="Homes and their devices' passwords, one JSON object per line; the demo writes it.",
)  # fmt: skip
@click.option(
    "--every", default=2.5, show_default=True, type=click.FloatRange(0.02, 3600), help="Seconds between readings."
)
@click.option(
    "--crossing-every", default=45.0, show_default=True, type=click.FloatRange(1, 86_400),
    help="Seconds between readings that cross a limit.",
)  # fmt: skip
@click.option("--readings", type=click.IntRange(1, 1_000_000), help="End after so many.")
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same readings.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), help="Instead: play what goes wrong in homes, once.")
@organization_option
@console.json_option
def simulate(
    homes: Path, every: float, crossing_every: float, readings: int | None, seed: int, scenario: str | None,
    organization_name: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Send invented readings from simulated homes, until Ctrl-C; or play one scenario, which ends by itself.

    Refused towards a broker on another machine, unless the organization is the demo or in state trial. A scenario
    is refused by every organization that is neither.
    """
    from server.cli.processes import run_until_told
    from server.ops import logs

    pace = Pace(every_s=every, crossing_every_s=crossing_every, readings=readings)
    settings = load()
    logs.configure(as_json=settings.log_json)
    if scenario:
        sys.exit(run_until_told(play(settings, organization_name, homes, scenario, seed, as_json=as_json)))
    run_until_told(_simulate(settings, organization_name, homes, pace, seed, as_json=as_json))


async def _simulate(settings: Settings, name: str | None, file: Path, pace: Pace, seed: int, *, as_json: bool) -> int:
    from server.cli.processes import stop_on_signals
    from server.ops import homes as simulated

    host, port, tls, *_ = mqtt_parts(settings.mqtt_url)
    homes = simulated.homes_in(file)
    async with desk(settings, name) as at:
        simulated.refuse_elsewhere(host, at.organization)
        await simulator.run(
            homes,
            Broker(host=host, port=port, tls=tls),
            pace,
            seed=seed,
            clock=lambda: datetime.now(UTC),
            may_cross=lambda: simulated.may_cross(at.database, at.who, homes),
            tell=lambda sent: _tell(sent, as_json=as_json),
            stop=stop_on_signals(),
        )
    return 0


def _tell(sent: Sent, *, as_json: bool) -> None:
    if as_json:
        console.objects([sent])
    else:
        mark = "  crosses a limit" if sent.crossing else ""
        click.echo(f"{sent.device}  {sent.kind:<15} {sent.fate}{mark}")
