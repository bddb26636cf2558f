"""`careloop device check`: a device maker's own sender against the contract, before it meets a clinic."""

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

import rich_click as click

from devices.conformance import Log, Verdict, judge
from devices.credentials import DEVICE_ID
from devices.formats import DECODERS
from server.cli import console
from server.errors import BadSetting
from server.ops.check import Pace
from server.ops.check_broker import Broker

MARKS = {"pass": "pass", "fail": "FAIL", "not_tried": "not tried", "advice": "advice"}
SECONDS = click.FloatRange(0.5, 3600)


@click.command()
@click.option("--id", "device_id", default="device-under-test", show_default=True, help="The sender's id.")
@click.option("--password", help="Its password; made if left out.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen, such as 0.0.0.0.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here; else a free one.")
@click.option("--format", "format_name", default="native", show_default=True, type=click.Choice(sorted(DECODERS)))
@click.option("--reading-within", default=120.0, show_default=True, type=SECONDS, help="Seconds to wait for a reading.")
@click.option(
    "--resend-within", default=90.0, show_default=True, type=SECONDS, help="Seconds to wait for a repetition."
)
@click.option("--offline", default=20.0, show_default=True, type=SECONDS, help="Seconds without a broker.")
@click.option("--quiet", default=30.0, show_default=True, type=SECONDS, help="Seconds to watch after receipts.")
@click.option("--reset/--no-reset", "with_reset", default=True, help="Ask for a factory reset at the end.")
@console.json_option
def check(
    device_id: str, password: str | None, host: str, port: int | None, format_name: str, reading_within: float,
    resend_within: float, offline: float, quiet: float, with_reset: bool, as_json: bool,
) -> None:  # fmt: skip
    """Play the server for one sender and say what it does right and wrong. Nothing is stored.

    It starts a broker of its own, withholds receipts, gives them, and goes away for a while. Exit code 0 when
    nothing failed and everything was tried.
    """
    from server.cli.processes import run_until_told
    from server.ops.embedded.ports import free_port

    if not DEVICE_ID.fullmatch(device_id):
        raise BadSetting("--id is 1 to 64 letters, digits, - or _.")
    pace = Pace(
        reading_s=reading_within, resend_s=resend_within, offline_s=offline, quiet_s=quiet,
        reset_s=max(reading_within, resend_within),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="careloop-check-") as folder:
        login = (device_id, password or secrets.token_urlsafe(12))
        broker = Broker(Path(folder), host, port or free_port(host), *login)
        sys.exit(run_until_told(_check(broker, format_name, pace, with_reset=with_reset, as_json=as_json)))


async def _check(broker: Broker, format_name: str, pace: Pace, *, with_reset: bool, as_json: bool) -> int:
    from server.cli.processes import stop_on_signals
    from server.ops import check as checking

    def tell(step: str, says: str) -> None:
        if as_json:
            console.objects([{"step": step, "do": says}])
        else:
            console.note(says)

    if as_json:
        login = {"host": broker.host, "port": broker.port, "id": broker.device, "password": broker.password}
        console.objects([{"step": "connect", **login}])
    else:
        console.note(f"mqtt://{broker.host}:{broker.port}  id {broker.device}  password {broker.password}")
    stop = stop_on_signals()
    running = asyncio.create_task(checking.run(broker, format_name, pace, tell, with_reset=with_reset))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not running.done():
        running.cancel()
        await asyncio.wait({running})
        return 130
    return _report(running.result(), with_reset=with_reset, as_json=as_json)


def _report(log: Log, *, with_reset: bool, as_json: bool) -> int:
    verdicts = judge(log, with_reset=with_reset)
    if as_json:
        console.objects(verdicts)
    elif not log.sights:
        console.say(
            f"No reading came. Does {log.device} sign in with this id and password, and publish to its own topic?"
        )
    else:
        _table(verdicts)
    return 1 if any(one.result in {"fail", "not_tried"} for one in verdicts) else 0


def _table(verdicts: list[Verdict]) -> None:
    rows = [(MARKS[one.result], one.asks, one.seen, one.do) for one in verdicts]
    console.table(("", "A sender", "Seen", "What to do"), rows, empty="")
