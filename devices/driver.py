"""A paho client on the event loop of whoever uses it: no thread, and it reads when somebody wants what it would read.

With paho's own thread each message the broker sends wakes it, takes the interpreter's lock from who stores the last
ones, and is put down where nobody has time for it. While nobody asks, what comes is better off in the socket's buffer:
the next read then brings hundreds.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client

TICK_S = 1.0  # keepalive is counted in seconds; and what is not for the lanes must be read by somebody


class Driver:
    """Moves one connected client. `came` says how many messages have been read so far, ever."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop, came: Callable[[], int]) -> None:
        connection = client.socket()
        assert connection is not None, "the client is connected"
        self._client, self._loop, self._came = client, loop, came
        self._connection = connection
        self._number = connection.fileno()
        self._listens = self._waits_to_write = False
        client.on_socket_register_write = self._has_to_write
        client.on_socket_close = self._closes
        self._tick = loop.call_later(TICK_S, self._ticks)
        self.listen()
        self._write()

    def listen(self) -> None:
        """From now on read as soon as something comes, until it was a message: then wait to be asked again."""
        if not self._listens and self._client.socket() is not None:
            self._loop.add_reader(self._number, self._readable)
            self._listens = True

    def read(self) -> None:
        """Whatever is there now; nothing of it is waited for."""
        before = -1
        while before < (before := self._came()) or self._pending():
            self._client.loop_read()

    def stop(self) -> None:
        """Say goodbye and let go of the socket; what is in it is read, else the goodbye would be a reset."""
        self.read()
        self._client.disconnect()
        self._client.loop_write()
        self._closes()
        self._connection.close()

    def _readable(self) -> None:
        before = self._came()
        self.read()
        if self._came() > before:
            self._rest()

    def _pending(self) -> bool:
        """True when TLS has taken more off the wire than was read: the socket will not tell of it."""
        open_still = self._client.socket() is not None
        return open_still and isinstance(self._connection, ssl.SSLSocket) and self._connection.pending() > 0

    def _rest(self) -> None:
        if self._listens:
            self._loop.remove_reader(self._number)
            self._listens = False

    def _ticks(self) -> None:
        self._tick = self._loop.call_later(TICK_S, self._ticks)
        self._client.loop_misc()
        self.read()

    def _has_to_write(self, *_: Any) -> None:
        self._loop.call_soon(self._write)

    def _write(self) -> None:
        if self._client.socket() is None:
            return
        self._client.loop_write()
        waits = self._client.want_write() and self._client.socket() is not None
        if waits and not self._waits_to_write:
            self._loop.add_writer(self._number, self._write)
        elif self._waits_to_write and not waits:
            self._loop.remove_writer(self._number)
        self._waits_to_write = waits

    def _closes(self, *_: Any) -> None:
        """Before the number of the socket can be another's."""
        self._tick.cancel()
        self._rest()
        if self._waits_to_write:
            self._loop.remove_writer(self._number)
            self._waits_to_write = False
