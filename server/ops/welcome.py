"""What a newcomer reads when the demo is ready: where to look, how to sign in, how to send a reading, how to stop."""

import shlex
import shutil
from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from server.ops.demo_files import Ready
from server.ops.embedded.mosquitto import ROOT
from server.ops.world.cast import READY_NAME

UNPACKED = ROOT / ".cache" / "mosquitto" / "mosquitto_pub"
READING = '{"kind":"blood_pressure","measured_at":"%s","systolic":192,"diastolic":124,"pulse":88,"unit":"mm[Hg]"}'


def show(ready: Ready, data: Path, *, simulating: bool) -> None:
    """The panel, then the two commands on lines of their own so that they can be copied whole."""
    console = Console(highlight=False)
    console.print(Panel(_body(ready, data, simulating=simulating), title="Careloop is running", padding=(1, 2)))
    console.print("Send a reading of your own, with curl or with mosquitto_pub:\n", style="bold")
    for command in (curl(ready), mosquitto_pub(ready)):
        print(f"{command}\n")  # noqa: T201 - a console would wrap it
    console.print("[bold]Ctrl-C[/bold] stops everything.")


def _body(ready: Ready, data: Path, *, simulating: bool) -> Group:
    homes = "Simulated homes are sending; an alert comes about once a minute." if simulating else "No simulated homes."
    return Group(
        _pairs(("Open", ready.base_url), ("Text messages", f"{ready.sms_url}/")),
        Rule(style="dim"),
        _sign_ins(ready),
        Rule(style="dim"),
        _pairs(
            ("Broker", f"mqtt://{ready.mqtt_host}:{ready.mqtt_port}"),
            ("Your device", ready.device.id),
            ("Its patient", READY_NAME),
            ("Commands", f"careloop --env-file {data}/careloop.env patient list"),
            ("Data", f"{data} (delete it to begin again)"),
        ),
        Text(f"\nEverybody here is invented, and nothing leaves this machine. {homes}"),
    )


def _pairs(*pairs: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), Text(value, style="bold", overflow="fold"))
    return table


def _sign_ins(ready: Ready) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("Sign in as", "Login", "Password"):
        table.add_column(column)
    for one in ready.sign_ins:
        table.add_row(one.role, Text(one.login, style="bold"), Text(one.password, style="bold"))
    return table


def curl(ready: Ready) -> str:
    login = shlex.quote(f"{ready.device.username}:{ready.device.password}")
    return f"curl -u {login} -H 'Content-Type: application/json' {ready.base_url}/ingest/v1/readings -d {_reading()}"


def mosquitto_pub(ready: Ready) -> str:
    device = ready.device
    return (
        f"{_program()} -V mqttv5 -h {ready.mqtt_host} -p {ready.mqtt_port} -u {device.username} "
        f"-P {shlex.quote(device.password)} -q 1 -t careloop/v1/{device.id}/readings -m {_reading()}"
    )


def _program() -> str:
    """The system's mosquitto_pub, else the one that set-up unpacked beside the broker."""
    return "mosquitto_pub" if shutil.which("mosquitto_pub") or not UNPACKED.exists() else str(UNPACKED)


def _reading() -> str:
    """In double quotes, so that the shell puts in the time: the same words a second later are a new reading."""
    return '"' + READING.replace('"', '\\"').replace("%s", "$(date -u +%Y-%m-%dT%H:%M:%SZ)") + '"'
