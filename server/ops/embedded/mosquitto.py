"""A Mosquitto of our own in one folder: no queue limit, every login its own topics, gone when we go.

Its persistence is a convenience (a SIGKILL loses the queue); that readings survive rests on receipts.
"""

import asyncio
import base64
import hashlib
import os
import secrets
import shutil
import signal
from pathlib import Path
from typing import Any

import msgspec

from devices import credentials
from server.errors import BadSetting
from server.ops.embedded import ports, process, tls
from server.ops.embedded.tls import Door

ADMIN, BRIDGE = "careloop_admin", "careloop_bridge"
HOST = "127.0.0.1"
START_WITHIN_S = 15.0
PASSWORD_ROUNDS = 10_000  # the password is random and the broker is busy while it checks
ROOT = Path(__file__).resolve().parents[3]
PLUGIN = "mosquitto_dynamic_security.so"
PROGRAM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/opt/mosquitto/sbin")
PLUGIN_PLACES = (
    f"usr/lib/*/{PLUGIN}",
    f"usr/lib64/{PLUGIN}",
    f"usr/lib/{PLUGIN}",
    f"usr/local/lib/{PLUGIN}",
    f"usr/local/opt/mosquitto/lib/{PLUGIN}",
    f"opt/homebrew/opt/mosquitto/lib/{PLUGIN}",
)
NOT_FOUND = "Mosquitto with its dynamic-security plugin was not found. Run `make setup`."

# max_queued_messages: the default of 1000 drops the rest, though it acknowledged them.
# max_inflight_messages: what the bridge has taken and not yet stored, some batches at once.
# retain_available: a retained reading would be replayed to every new bridge; publishing one is refused.
# set_tcp_nodelay: else an answer may wait 40 ms for the other side's acknowledgement.
CONFIGURATION = """\
per_listener_settings false
listener {port} {host}
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {folder}/dynamic-security.json
persistence true
persistence_location {folder}/
autosave_interval 30
persistent_client_expiration 30d
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 60000
max_packet_size 1048576
retain_available false
sys_interval 5
set_tcp_nodelay true
connection_messages true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the programs are, as `make setup` writes it to .cache/mosquitto/where.json."""

    mosquitto: str
    plugin: str
    library_path: str | None = None


class Passwords(msgspec.Struct, frozen=True, kw_only=True):
    """Of our own two logins; the devices' are known only to them."""

    admin: str
    bridge: str


class RunningMosquitto:
    """The broker, and the addresses of the bridge's login and of the one that manages devices.

    `door` is where devices with certificates come in, when the folder has an authority.
    """

    def __init__(self, service: process.Service, port: int, passwords: Passwords, door: Door | None) -> None:
        self.host = HOST
        self.port = port
        self.url_bridge = f"mqtt://{BRIDGE}:{passwords.bridge}@{HOST}:{port}"
        self.url_admin = f"mqtt://{ADMIN}:{passwords.admin}@{HOST}:{port}"
        self.door = door
        self._service = service
        self._rereading = asyncio.create_task(tls.reread(door.crl, service.process)) if door else None

    @property
    def process(self) -> asyncio.subprocess.Process:
        return self._service.process

    async def stop(self) -> None:
        """Disconnect everybody and write the queue to disk."""
        if self._rereading:
            self._rereading.cancel()
        await self._service.stop((signal.SIGTERM, 5.0))


async def start(directory: Path) -> RunningMosquitto:
    """Serve the queue and logins in `directory`/mosquitto, made if missing. `Conflict` if another one does.

    Call it from the main thread's event loop (see `tether`).
    """
    held = await process.lock(directory / "mosquitto.lock")
    try:
        installed, passwords = find(), _passwords(directory / "mosquitto.passwords")
        port = ports.kept_port(directory / "mosquitto.port", HOST)
        door = tls.lay_out(directory, HOST)
        configuration = _prepare(directory, installed, passwords, port, door)
        service = await process.launch(
            [installed.mosquitto, "-c", str(configuration)],
            name="Mosquitto",
            log=directory / "mosquitto.log",
            held=held,
            death=signal.SIGTERM,
            env=_environment(installed),
        )
        await service.until_ready(lambda: _answers(port), START_WITHIN_S)
        return RunningMosquitto(service, port, passwords, door)
    except BaseException:
        held.release()
        raise


def find() -> Installed:
    """What `make setup` noted, else what the system has."""
    for root in (ROOT, Path.cwd()):
        noted = root / ".cache" / "mosquitto" / "where.json"
        if noted.is_file():
            installed = msgspec.json.decode(noted.read_bytes(), type=Installed)
            if Path(installed.mosquitto).is_file() and Path(installed.plugin).is_file():
                return installed
    search = os.pathsep.join((os.environ.get("PATH", ""), *PROGRAM_FOLDERS))
    program = shutil.which("mosquitto", path=search)
    plugin = next((found for place in PLUGIN_PLACES for found in Path("/").glob(place)), None)
    if program is None or plugin is None:
        raise BadSetting(NOT_FOUND)
    return Installed(mosquitto=program, plugin=str(plugin))


def _environment(installed: Installed) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**inherited, **({"LD_LIBRARY_PATH": installed.library_path} if installed.library_path else {})}


def _prepare(directory: Path, installed: Installed, passwords: Passwords, port: int, door: Door | None) -> Path:
    """Write the configuration and, keeping the devices, our own logins and roles."""
    folder = directory.absolute() / "mosquitto"
    folder.mkdir(mode=0o700, exist_ok=True)
    security = folder / "dynamic-security.json"
    known = _read_security(security)
    process.write_private(security, msgspec.json.format(msgspec.json.encode(_with_ours(known, passwords))).decode())
    configuration = directory / "mosquitto.conf"
    says = CONFIGURATION.format(port=port, host=HOST, plugin=installed.plugin, folder=folder)
    says += door.configuration if door else ""
    if os.geteuid() == 0:
        says += "user root\n"  # else it becomes `mosquitto`, who cannot write here
    process.write_private(configuration, says)
    return configuration


def _read_security(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError:
        raise BadSetting(f"{file} is damaged: it holds the devices' logins. Restore it from a backup.") from None


def _with_ours(known: dict[str, Any], passwords: Passwords) -> dict[str, Any]:
    """The plugin's document. Ours come first and replace what an older version of us wrote."""
    clients = [_login(ADMIN, passwords.admin), _login(BRIDGE, passwords.bridge)]
    roles = [_role(ADMIN, credentials.admin_acls()), _role(BRIDGE, credentials.bridge_acls())]
    ours = {ADMIN, BRIDGE}
    return {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [*clients, *(one for one in known.get("clients", ()) if one["username"] not in ours)],
        "groups": known.get("groups", []),
        "roles": [*roles, *(one for one in known.get("roles", ()) if one["rolename"] not in ours)],
    }


def _role(name: str, acls: list[credentials.Acl]) -> dict[str, Any]:
    return {"rolename": name, "acls": msgspec.to_builtins(acls)}


def _login(username: str, password: str) -> dict[str, Any]:
    """As the plugin writes it: PBKDF2 with SHA-512, 12 bytes of salt, 64 bytes of hash."""
    salt = secrets.token_bytes(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PASSWORD_ROUNDS, 64)
    return {
        "username": username,
        "password": base64.b64encode(hashed).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": PASSWORD_ROUNDS,
        "roles": [{"rolename": username}],
    }


def _passwords(file: Path) -> Passwords:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Passwords)
    except FileNotFoundError:
        passwords = Passwords(admin=secrets.token_hex(24), bridge=secrets.token_hex(24))
        process.write_private(file, msgspec.json.encode(passwords).decode())
        return passwords


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
