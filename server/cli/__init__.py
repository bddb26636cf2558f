"""The `careloop` command: each file adds the commands of one concern."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rich_click as click

from server.cli.appointments import appointments
from server.cli.audit import audit
from server.cli.backtest import backtest
from server.cli.classify import classify
from server.cli.connect import ENV_FILE
from server.cli.decode import decode
from server.cli.device_check import check
from server.cli.devices import device
from server.cli.gaps import gap
from server.cli.hub import hub
from server.cli.medicines import medicine
from server.cli.organization import organization
from server.cli.people import patient, staff
from server.cli.processes import auditor, bridge, demo, migrate, up, web, worker
from server.cli.setup import init
from server.cli.simulate import simulate

PANELS = {
    "careloop": [
        {"name": "Start here", "commands": ["demo", "init"]},
        {"name": "Run", "commands": ["up", "web", "bridge", "worker", "auditor", "migrate"]},
        {"name": "At home", "commands": ["hub"]},
        {
            "name": "People and devices",
            "commands": ["organization", "staff", "patient", "device", "medicine", "appointments", "gap"],
        },
        {"name": "Check", "commands": ["decode", "classify", "simulate", "backtest", "audit"]},
    ]
}
click.rich_click.COMMAND_GROUPS = PANELS  # type: ignore[assignment]
click.rich_click.MAX_WIDTH = 100


def _version() -> str:
    try:
        return version("careloop")
    except PackageNotFoundError:  # run from the source without being installed
        return "from source"


@click.group(
    epilog="Exit codes: 0 done, 1 not done, 2 wrong usage, 69 something we need is away, 78 a setting is wrong."
)
@click.version_option(_version(), prog_name="careloop")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    envvar="CARELOOP_ENV_FILE",
    help="Settings as NAME=value lines; the environment wins over them.  [default: careloop.env, if there is one]",
)
@click.pass_context
def cli(context: click.Context, env_file: Path | None) -> None:
    """Remote patient monitoring and patient engagement, on your own server.

    New here? `careloop demo` shows a living clinic. `careloop init` sets up your own.
    """
    context.meta[ENV_FILE] = env_file


device.add_command(check)
for command in (
    demo, init, up, web, bridge, worker, auditor, hub, migrate, organization, staff, patient, device, medicine,
    appointments, gap,
    decode, classify, simulate, backtest, audit,
):  # fmt: skip
    cli.add_command(command)
