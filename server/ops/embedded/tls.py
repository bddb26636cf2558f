"""The embedded broker's second door: for devices that show a certificate of the clinic's own authority.

It is there when the broker's folder has an authority, which `careloop device add --tls` makes.
"""

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devices import authority
from devices.authority import Authority
from server.errors import BadSetting
from server.ops.embedded import ports

LOOK_EVERY_S = 0.5

# use_identity_as_username: the certificate's common name is the login, whatever the device says of itself.
LISTENER = """\
listener {port} {host}
cafile {ca}
certfile {folder}/broker.pem
keyfile {folder}/broker.key
crlfile {crl}
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
"""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is, the authority's certificate that devices check it by, and what Mosquitto reads of it."""

    port: int
    ca: Path
    crl: Path
    configuration: str


def lay_out(directory: Path, host: str) -> Door | None:
    """The door of the authority in `directory`/authority, if there is one; the broker's own certificate is new."""
    folder = directory.absolute() / "authority"
    if not (folder / "ca.key").exists():
        return None
    now = datetime.now(UTC)
    ours = _opened(folder, now)
    authority.write(folder / "broker", ours.issue_server(host, now), "broker")
    port = ports.kept_port(directory / "mosquitto-tls.port", host)
    says = LISTENER.format(port=port, host=host, ca=ours.ca, crl=ours.crl, folder=folder / "broker")
    return Door(port=port, ca=ours.ca, crl=ours.crl, configuration=says)


def _opened(folder: Path, now: datetime) -> Authority:
    try:
        return authority.open_authority(folder, now)
    except authority.Damaged as damaged:
        raise BadSetting(damaged.reason) from None


async def reread(crl: Path, broker: asyncio.subprocess.Process) -> None:
    """Make the broker read the list of revoked certificates whenever it changed, until cancelled.

    Mosquitto 2.0 reads `crlfile` on SIGHUP. Devices already connected stay until they are disabled.
    """
    seen = _stamp(crl)
    while broker.returncode is None:
        await asyncio.sleep(LOOK_EVERY_S)
        if (stamp := _stamp(crl)) != seen:
            seen = stamp
            with contextlib.suppress(ProcessLookupError):  # it may end by itself just now
                broker.send_signal(signal.SIGHUP)


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_ino
