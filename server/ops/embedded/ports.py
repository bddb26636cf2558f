"""Which port of this machine a service of ours listens on: a free one, the same next time if it can be."""

import random
import socket
from pathlib import Path

from server.errors import Unavailable

# Below Linux's and macOS's ephemeral ranges: no outgoing connection can take the port while we restart.
LOWEST, HIGHEST = 20_000, 32_000


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True if a listener could start there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closing connections do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on."""
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        if port_is_free(port, host):
            return port
    raise Unavailable(f"No free port from {LOWEST} to {HIGHEST} on {host}. Stop something there.")


def kept_port(file: Path, host: str = "127.0.0.1") -> int:
    """The port written in `file` if it is free, else a new one, which is then written there."""
    kept = _read(file)
    if kept is not None and port_is_free(kept, host):
        return kept
    port = free_port(host)
    file.write_text(f"{port}\n", encoding="ascii")
    return port


def _read(file: Path) -> int | None:
    try:
        port = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65536 else None
