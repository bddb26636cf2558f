"""`careloop hub`: the small computer at home that keeps readings until the clinic has them."""

import asyncio
import os
import sqlite3
import ssl
import sys
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import rich_click as click

from devices.credentials import DEVICE_ID
from devices.hub import bluetooth, intake, outbox
from devices.hub.client import Account, Hub, Tls
from devices.hub.outbox import Outbox
from server.cli import console
from server.errors import BadSetting, Unavailable
from server.settings import mqtt_parts

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--url", required=True, metavar="MQTT_URL", help="Such as mqtts://broker.example:8883.")
@click.option("--id", "hub_id", required=True, help="As `careloop device add` named it.")
@click.option("--password-file", type=FILE, help="Its password, alone in a file. Not needed with a client certificate.")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where readings wait on disk."
)
@click.option("--stdin", "from_stdin", is_flag=True, help="One reading per line on standard input (the default).")
@click.option("--http", "port", type=click.IntRange(1, 65535), help="Take POST /readings on 127.0.0.1, at this port.")
@click.option(
    "--bluetooth", "paired", multiple=True, metavar="ADDRESS=ID",
    help="Hear this Bluetooth device, registered here as ID; repeat. Needs careloop[bluetooth].",
)  # fmt: skip
@click.option("--ca", type=FILE, help="The broker's certificate authority; else the system's.")
@click.option("--cert", type=FILE, help="Our client certificate, for a broker that asks for one.")
@click.option("--key", type=FILE, help="Its key.")
def hub(
    url: str, hub_id: str, password_file: Path | None, data: Path, from_stdin: bool, port: int | None,
    paired: tuple[str, ...], ca: Path | None, cert: Path | None, key: Path | None,
) -> None:  # fmt: skip
    """Take readings, keep each on disk until the server's receipt, and deliver them over MQTT.

    Each line or POST is answered once it is on disk: {"accepted": 17, "epoch": …}, or {"refused": "why"}.
    A reading of one of the hub's own devices names it: {"source": "cuff-7", "kind": "blood_pressure", …}.

    Example: my-driver | careloop hub --url mqtts://clinic.example --id hub-12 --password-file key --data /var/lib/hub
    """
    from server.cli.processes import run_until_told

    account = _account(url, hub_id, password_file, Tls(ca=_text(ca), certificate=_text(cert), key=_text(key)))
    ways = Ways(port=port, paired=_pairs(paired), stdin=from_stdin or not (port or paired))
    sys.exit(run_until_told(_hub(account, data, ways)))


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How readings come to the hub."""

    port: int | None
    paired: dict[str, str]
    stdin: bool


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(one.rpartition("=")[::2] for one in given)
    if not all(address and DEVICE_ID.fullmatch(source) for address, source in pairs.items()):
        raise BadSetting("--bluetooth is ADDRESS=ID, such as 00:1A:2B:3C:4D:5E=cuff-7")
    return pairs


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _account(url: str, hub_id: str, password_file: Path | None, tls: Tls) -> Account:
    if urlsplit(url).scheme not in {"mqtt", "mqtts"}:
        raise BadSetting("--url is an address such as mqtts://broker.example:8883")
    if not DEVICE_ID.fullmatch(hub_id):
        raise BadSetting("--id is 1 to 64 letters, digits, - or _.")
    host, port, secured, *_ = mqtt_parts(url)
    try:
        password = password_file.read_text(encoding="utf-8").strip() if password_file else None
        if secured:
            tls.context()
    except (OSError, UnicodeDecodeError, ssl.SSLError):
        raise BadSetting("The password file or a certificate cannot be read.") from None
    return Account(host=host, port=port, id=hub_id, password=password, tls=tls if secured else None)


async def _hub(account: Account, data: Path, ways: Ways) -> int:
    from server.cli.processes import stop_on_signals

    radio = _radio() if ways.paired else None
    store = _open(data)
    stop = stop_on_signals()
    running = Hub(store, account, say=_say, now=lambda: datetime.now(UTC))
    server = _serve(running, ways.port) if ways.port else None
    delivering = asyncio.create_task(running.run(stop))
    reading = asyncio.create_task(_lines(running)) if ways.stdin else None
    hearing = asyncio.create_task(bluetooth.listen(radio, ways.paired, running.accept, _say, stop)) if radio else None
    try:
        if reading is not None and server is None and hearing is None:
            emptied = asyncio.create_task(_emptied(running, reading))
            await asyncio.wait({delivering, emptied}, return_when=asyncio.FIRST_COMPLETED)
            emptied.cancel()
            stop.set()
        await delivering
    finally:
        if server:
            server.shutdown()
        if hearing:
            await hearing
        store.close()
    return 0


def _radio() -> bluetooth.Bleak:
    try:
        return bluetooth.Bleak()
    except ImportError:
        raise BadSetting("--bluetooth needs the optional part of Careloop: pip install 'careloop[bluetooth]'") from None


async def _emptied(running: Hub, reading: "asyncio.Task[None]") -> None:
    """A standard input that ended, such as a file's, is delivered before we end."""
    await reading
    if running.waiting():
        await running.drained.wait()


def _open(data: Path) -> Outbox:
    try:
        store = Outbox(data, outbox.new_epoch(int(datetime.now(UTC).timestamp())))
    except sqlite3.OperationalError:
        raise Unavailable(f"{data} is in use by another hub, or cannot be written.") from None
    except OSError as error:
        raise BadSetting(f"--data {data} cannot be used ({error.strerror}).") from None
    if store.set_aside:
        console.note(f"The store was damaged. It is kept as {store.set_aside}; a new one begins with its own epoch.")
    console.note(f"epoch {store.epoch}, {store.waiting()} waiting")
    return store


def _serve(running: Hub, port: int) -> ThreadingHTTPServer:
    try:
        return intake.serve(running, port, asyncio.get_running_loop())
    except OSError:
        raise Unavailable(f"Port {port} on 127.0.0.1 is in use. Choose another one: --http.") from None


async def _lines(running: Hub) -> None:
    def answer(one: intake.Answer) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
        sys.stdout.buffer.flush()

    # Not sys.stdin: the interpreter could not end while a thread waits in it.
    await intake.lines(running, os.fdopen(0, "rb", closefd=False), answer)


def _say(event: str, detail: str) -> None:
    console.note(f"{event}: {detail}")
