"""MQTT 5 as bytes: what a cheap client says, made beforehand, and what the broker answers, cut into packets."""

import socket
from collections.abc import Iterator

DISCONNECT = b"\xe0\x00"
CONNACK, PUBLISH, PUBACK, SUBACK = 0x20, 0x30, 0x40, 0x90
CLEAN, USER_AND_PASSWORD = 0x02, 0xC0


def connect(client_id: str, username: str, password: str, *, clean: bool = True, expiry_s: int = 0) -> bytes:
    """CONNECT without keepalive: a client that only waits need not wake."""
    flags = USER_AND_PASSWORD | (CLEAN if clean else 0)
    properties = b"\x11" + expiry_s.to_bytes(4, "big")
    body = b"\x00\x04MQTT\x05" + bytes((flags, 0, 0, len(properties))) + properties
    return _packet(0x10, body + b"".join(_text(part) for part in (client_id, username, password)))


def subscribe(topic: str, mid: int = 1) -> bytes:
    """SUBSCRIBE at QoS 1."""
    return _packet(0x82, mid.to_bytes(2, "big") + b"\x00" + _text(topic) + b"\x01")


def publish(topic: bytes, mid: int, payload: bytes) -> bytes:
    """PUBLISH at QoS 1; `topic` comes with its length in front (see `topic_bytes`)."""
    return _packet(0x32, topic + mid.to_bytes(2, "big") + b"\x00" + payload)


def topic_bytes(topic: str) -> bytes:
    return _text(topic)


def puback(mid: bytes) -> bytes:
    """PUBACK of the two bytes of a packet id."""
    return b"\x40\x02" + mid


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _packet(command: int, body: bytes) -> bytes:
    length, head = len(body), bytearray((command,))
    while True:
        length, low = length >> 7, length & 127
        head.append(low | 128 if length else low)
        if not length:
            return bytes(head) + body


def packets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(command, start, end) of each whole packet's body; what follows the last end is the next one's beginning."""
    position, size = 0, len(data)
    while position + 2 <= size:
        length = shift = 0
        at = position + 1
        while at < size:
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        else:
            return
        if at + length > size:
            return
        yield data[position] & 0xF0, at, at + length
        position = at + length


def received(data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """(packet id, payload) of a PUBLISH at QoS 1 that carries few properties."""
    at = start + 2 + (data[start] << 8 | data[start + 1])
    mid = data[at : at + 2]
    return mid, data[at + 3 + data[at + 2] : end]


def signed_in(host: str, port: int, hello: bytes, *, filters: tuple[str, ...] = ()) -> socket.socket:
    """A connection the broker has accepted, subscribed to `filters`. Blocks; `ConnectionError` when refused."""
    connection = socket.create_connection((host, port), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = [hello, *(subscribe(topic, number) for number, topic in enumerate(filters, 1))]
    connection.sendall(b"".join(asked))
    data, answers = b"", 0
    while answers < len(asked):
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("the broker hung up")
        data += more
        for answers, (command, start, end) in enumerate(packets(data), 1):  # noqa: B007
            # The reason is CONNACK's second byte and SUBACK's last.
            if (command == CONNACK and data[start + 1] >= 128) or (command == SUBACK and data[end - 1] >= 128):
                raise ConnectionError("the broker refused")
    return connection
