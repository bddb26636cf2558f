"""A paho client that frames whole socket buffers, and joins what it sends into one write.

Stock paho reads a packet byte by byte and wakes its user for each packet: 40 to 110 µs a message. This one takes
whatever the socket has, cuts it into packets, hands PUBLISH packets on together, and leaves every other packet to
paho. It overrides one private method of the pinned paho 2.2 (`_packet_read`) and uses a few private fields;
`fits()` checks that they are what we know, and `plain` (a setting) or a failed check falls back to stock paho.
"""

import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from importlib.metadata import version

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.subscribeoptions import MQTTException as OtherMQTTException

CHUNK = 256 * 1024
PUBLISH, PUBACK = 0x30, 0x40
KNOWN = "2.2."
NEEDED = ("_packet_read", "_packet_handle", "_packet_queue", "_sock_recv", "_mid_generate", "_handle_pubackcomp")
CONTENT_TYPE = 0x03
# MQTT 5 properties a PUBLISH may carry, with the size of their value; 0 is a length-prefixed string or bytes.
PROPERTIES = {0x01: 1, 0x02: 4, 0x03: 0, 0x08: 0, 0x09: 0, 0x23: 2, 0x26: -1, 0x0B: -2}
AGAIN, LOST, PROTOCOL, FINE = (
    MQTTErrorCode.MQTT_ERR_AGAIN,
    MQTTErrorCode.MQTT_ERR_CONN_LOST,
    MQTTErrorCode.MQTT_ERR_PROTOCOL,
    MQTTErrorCode.MQTT_ERR_SUCCESS,
)


class Malformed(Exception):
    """The bytes are no MQTT; the connection ends, as the standard asks."""


# What we and paho raise on packets that are not well formed.
BROKEN = (Malformed, MQTTException, OtherMQTTException, struct.error, IndexError, KeyError, ValueError, AssertionError)


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A PUBLISH as it came. `mid` is 0 at QoS 0."""

    topic: bytes
    payload: bytes
    mid: int
    retain: bool
    content_type: str | None


Take = Callable[[list[Incoming]], None]
Acked = Callable[[list[int]], None]


def fits() -> bool:
    """True when the installed paho is the one this module was written against."""
    return version("paho-mqtt").startswith(KNOWN) and all(hasattr(Client, name) for name in NEEDED)


class FramingClient(Client):
    """`take` and `acked` are called with what one read brought, in order.

    One client is one connection: half a packet left by the last one can never meet the next one's bytes.
    """

    take: Take
    acked: Acked
    _rest: bytes = b""

    def _packet_read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(CHUNK)
        except BlockingIOError:
            return AGAIN
        except OSError:
            return LOST
        if not data:
            return LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()  # else keepalive would think the broker silent
        try:
            return self._frames(self._rest + data if self._rest else data)
        except BROKEN:
            return PROTOCOL

    def _frames(self, data: bytes) -> MQTTErrorCode:
        taken: list[Incoming] = []
        acked: list[int] = []
        position, result = 0, FINE
        for command, start, end in packets(data):
            position = end
            if command & 0xF0 == PUBLISH and command & 0x06 <= 0x02:
                taken.append(publish(data, command, start, end))
                continue
            if command == PUBACK:
                acked.append(data[start] << 8 | data[start + 1])
                continue
            result = self._other(command, data[start:end])
            if result != FINE:
                break
        self._rest = data[position:]
        if taken:
            self.take(taken)
        if acked:
            self.acked(acked)
        return result

    def _other(self, command: int, body: bytes) -> MQTTErrorCode:
        """Everything but PUBLISH is paho's, as if it had read the packet itself."""
        self._in_packet = {
            "command": command, "have_remaining": 1, "remaining_count": [], "remaining_mult": 1,
            "remaining_length": len(body), "packet": bytearray(body), "to_process": 0, "pos": 0,
        }  # fmt: skip
        try:
            return self._packet_handle()
        finally:
            self._in_packet = {**self._in_packet, "command": 0, "have_remaining": 0, "packet": bytearray()}

    def acknowledge(self, mids: Iterable[int]) -> None:
        """The PUBACKs of a batch in one write, in the order the messages came (MQTT-4.6.0-2)."""
        joined = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
        if joined:
            self._packet_queue(MessageType.PUBACK, joined, 0, 0)


def packets(data: bytes) -> Iterable[tuple[int, int, int]]:
    """(command, start, end) of each whole packet; what is left at the end is the start of the next."""
    position, size = 0, len(data)
    while position + 2 <= size:
        length, at = 0, position + 1
        for shift in (0, 7, 14, 21):
            if at >= size:
                return
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise Malformed
        if at + length > size:
            return
        yield data[position], at, at + length
        position = at + length


def publish(data: bytes, command: int, start: int, end: int) -> Incoming:
    """A PUBLISH of MQTT 5 taken apart."""
    at = start + 2 + (data[start] << 8 | data[start + 1])
    topic = data[start + 2 : at]
    mid = 0
    if command & 0x06:
        mid = data[at] << 8 | data[at + 1]
        at += 2
    content_type = None
    properties = data[at]
    at += 1
    if properties:
        if properties >= 128:
            properties, at = _length(data, at - 1)
        content_type = _content_type(data, at, at + properties)
        at += properties
    if at > end:
        raise Malformed
    return Incoming(topic, data[at:end], mid, bool(command & 1), content_type)


def _length(data: bytes, at: int) -> tuple[int, int]:
    length = 0
    for shift in (0, 7, 14, 21):
        byte = data[at]
        at += 1
        length |= (byte & 127) << shift
        if byte < 128:
            return length, at
    raise Malformed


def _content_type(data: bytes, at: int, end: int) -> str | None:
    found = None
    while at < end:
        kind, size = data[at], PROPERTIES.get(data[at])
        at += 1
        if size is None:
            raise Malformed
        if size == -2:
            _, at = _length(data, at)
            continue
        if size > 0:
            at += size
            continue
        for _ in range(1 if size == 0 else 2):
            length = data[at] << 8 | data[at + 1]
            if kind == CONTENT_TYPE:
                found = data[at + 2 : at + 2 + length].decode()
            at += 2 + length
    return found


class Window:
    """Publishes at QoS 1 without paho's bookkeeping, never more in flight than the broker allows.

    Nothing is sent again after a reconnect: a receipt that is lost is asked for by the reading that comes again.
    """

    def __init__(self, client: FramingClient, most: int) -> None:
        self._client, self._room = client, most
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._sent: set[int] = set()
        client.acked = self._acknowledged

    def open(self, room: int) -> None:
        """The broker accepted us and takes this many at once."""
        self._room = room
        self._send()

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """In one write as far as there is room; the rest follows as the broker acknowledges."""
        self._queue.extend((topic.encode(), payload) for topic, payload in messages)
        self._send()

    def _send(self) -> None:
        parts = []
        while self._queue and self._room > 0:
            topic, payload = self._queue.popleft()
            mid = self._client._mid_generate()
            self._sent.add(mid)
            self._room -= 1
            parts.append(encode_publish(topic, payload, mid))
        if parts:
            self._client._packet_queue(MessageType.PUBACK, b"".join(parts), 0, 0)

    def _acknowledged(self, mids: list[int]) -> None:
        ours = self._sent.intersection(mids)
        self._sent -= ours
        self._room += len(ours)
        self._send()


def encode_publish(topic: bytes, payload: bytes, mid: int) -> bytes:
    """A PUBLISH of MQTT 5 at QoS 1 without properties."""
    body = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + b"\0" + payload
    length, head = len(body), bytearray(b"\x32")
    while True:
        length, low = length >> 7, length & 127
        head.append(low | 128 if length else low)
        if not length:
            return bytes(head) + body
