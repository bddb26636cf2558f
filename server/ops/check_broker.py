"""A broker for one sender under test: two logins, every topic open, so that a wrong one is seen and not refused."""

import asyncio
import base64
import hashlib
import os
import secrets
import signal
from pathlib import Path

from server.ops.embedded import mosquitto, process

US = "careloop_check"
ANYWHERE = "0.0.0.0"  # noqa: S104 - asked for by whoever runs the check
ROUNDS = 10_000  # both passwords are random or live for minutes
CONFIGURATION = """\
listener {port} {host}
allow_anonymous false
password_file {folder}/passwords
persistence false
max_queued_messages 0
max_packet_size 1048576
set_tcp_nodelay true
log_dest stderr
"""


class Broker:
    """Mosquitto on one port, to be stopped and started again there; nothing outlives it."""

    def __init__(self, folder: Path, host: str, port: int, device: str, password: str) -> None:
        self.host, self.port, self.device, self.password = host, port, device, password
        self.us = secrets.token_hex(16)
        self._folder = folder
        self._service: process.Service | None = None
        lines = [f"{name}:{_hashed(word)}" for name, word in ((device, password), (US, self.us))]
        process.write_private(folder / "passwords", "\n".join(lines) + "\n")
        says = CONFIGURATION.format(port=port, host=host, folder=folder)
        process.write_private(folder / "check.conf", says + ("user root\n" if os.geteuid() == 0 else ""))

    @property
    def local(self) -> str:
        """Where we ourselves reach it."""
        return "127.0.0.1" if self.host == ANYWHERE else self.host

    async def start(self) -> None:
        installed = mosquitto.find()
        held = await process.lock(self._folder / "check.lock")
        try:
            self._service = await process.launch(
                [installed.mosquitto, "-c", str(self._folder / "check.conf")],
                name="Mosquitto", log=self._folder / "check.log", held=held, death=signal.SIGTERM,
                env=_environment(installed),
            )  # fmt: skip
        except BaseException:
            held.release()
            raise
        await self._service.until_ready(self._answers, 15)

    async def stop(self) -> None:
        if self._service is not None:
            await self._service.stop((signal.SIGTERM, 5.0))

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.local, self.port)
        except OSError:
            return False
        writer.close()
        return True


def _environment(installed: mosquitto.Installed) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**inherited, **({"LD_LIBRARY_PATH": installed.library_path} if installed.library_path else {})}


def _hashed(password: str) -> str:
    """As mosquitto_passwd writes it."""
    salt = secrets.token_bytes(12)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, 64)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"
