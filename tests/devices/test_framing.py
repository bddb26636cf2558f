"""Our framing reads what stock paho reads, however the bytes are cut, and writes what the standard asks."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from devices import framing
from devices.framing import FramingClient, Incoming, Window

PINGRESP = b"\xd0\x00"
PROPERTIES = {
    "none": b"\x00",
    "content type": b"\x06\x03\x00\x03a/b",
    "expiry and user": b"\x0c\x02\x00\x00\x00\x3c\x26\x00\x01k\x00\x01v",
    "long": b"\x88\x01" + b"\x26\x00\x42" + b"k" * 66 + b"\x00\x41" + b"v" * 65,
}


def encoded(topic: str, payload: bytes, mid: int, properties: bytes = b"\x00", flags: int = 0) -> bytes:
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode()
    body += (mid.to_bytes(2, "big") if mid else b"") + properties + payload
    length, head = len(body), bytearray([0x30 | (0x02 if mid else 0) | flags])
    while True:
        length, low = length >> 7, length & 127
        head.append(low | 128 if length else low)
        if not length:
            return bytes(head) + body


def chunks(data: bytes, chance: random.Random) -> Iterator[bytes]:
    while data:
        size = chance.choice((1, 2, 3, 7, 50, 1000))
        yield data[:size]
        data = data[size:]


class Fed:
    """Stands for the socket: gives the chunks one by one, then nothing more for now."""

    def __init__(self, client: Client, parts: list[bytes]) -> None:
        self.rest, self.parts = b"", parts
        client._sock_recv = self.recv  # type: ignore[method-assign]

    def recv(self, size: int) -> bytes:
        if not self.rest:
            if not self.parts:
                raise BlockingIOError
            self.rest = self.parts.pop(0)
        given, self.rest = self.rest[:size], self.rest[size:]
        return given


def read_all(client: Client) -> MQTTErrorCode:
    while True:
        result = client._packet_read()
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return result


def by_ours(parts: list[bytes]) -> tuple[list[Incoming], MQTTErrorCode]:
    client = FramingClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5, manual_ack=True)
    taken: list[Incoming] = []
    client.take, client.acked = taken.extend, lambda _: None
    Fed(client, parts)
    return taken, read_all(client)


def by_paho(parts: list[bytes]) -> tuple[list[Incoming], MQTTErrorCode]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5, manual_ack=True)
    taken: list[Incoming] = []

    def on_message(_: Any, __: Any, m: MQTTMessage) -> None:
        content_type = getattr(m.properties, "ContentType", None)
        taken.append(Incoming(m.topic.encode(), bytes(m.payload), m.mid, m.retain, content_type))

    client.on_message = on_message
    Fed(client, parts)
    return taken, read_all(client)


def test_this_is_the_paho_we_know() -> None:
    assert framing.fits()


@pytest.mark.parametrize("seed", range(40))
def test_however_the_bytes_are_cut_we_read_what_stock_paho_reads(seed: int) -> None:
    chance = random.Random(seed)
    packets = []
    for n in range(chance.randint(1, 30)):
        payload = bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 100, 120, 127, 128, 300))))
        properties = chance.choice(list(PROPERTIES.values()))
        packets.append(encoded(f"careloop/v1/d{n}/readings", payload, chance.choice((0, n + 1)), properties, n % 2))
        packets.append(PINGRESP if chance.random() < 0.2 else b"")
    parts = list(chunks(b"".join(packets), chance))
    ours, paho = by_ours(list(parts)), by_paho(list(parts))
    assert ours == paho
    assert ours[1] == MQTTErrorCode.MQTT_ERR_AGAIN


@pytest.mark.parametrize(
    "data",
    [
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x02\x00\x09",  # a topic longer than its packet
        b"\x32\x04\x00\x01a\x00",  # no packet id
        encoded("t", b"", 1, b"\x01\x7f"),  # a property nobody knows
        b"\xf5\x00",  # a packet type that is not for us
    ],
    ids=["length", "topic", "packet id", "property", "type"],
)
def test_what_is_no_mqtt_ends_the_connection(data: bytes) -> None:
    assert by_ours([data + b"\x00" * 8])[1] == MQTTErrorCode.MQTT_ERR_PROTOCOL


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_no_bytes_make_it_raise(parts: list[bytes]) -> None:
    by_ours(parts)


def test_every_read_counts_as_a_sign_of_life() -> None:
    client = FramingClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.take, client.acked = lambda _: None, lambda _: None
    client._last_bytes_received = 0.0
    Fed(client, [PINGRESP])
    read_all(client)
    assert client._last_bytes_received > 0


class Written(FramingClient):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self.writes: list[bytes] = []

    def _packet_queue(self, command: int, packet: Any, mid: int, qos: int, info: Any = None) -> MQTTErrorCode:
        self.writes.append(bytes(packet))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def test_the_acknowledgements_of_a_batch_are_one_write_in_order() -> None:
    client = Written()
    client.acknowledge([1, 300, 65535])
    client.acknowledge([])
    assert client.writes == [b"\x40\x02\x00\x01\x40\x02\x01\x2c\x40\x02\xff\xff"]


def test_no_more_is_in_flight_than_the_broker_allows() -> None:
    client = Written()
    window = Window(client, 0)
    window.publish([("t", b"%d" % n) for n in range(5)])
    assert client.writes == []
    window.open(2)
    client.acked([1])
    client.acked([1, 99])
    client.acked([2, 3])
    sent = [message for write in client.writes for message in by_ours([write])[0]]
    assert [(m.payload, m.mid) for m in sent] == [(b"%d" % n, n + 1) for n in range(5)]
    assert [len(by_ours([write])[0]) for write in client.writes] == [2, 1, 2]


@pytest.mark.parametrize("size", [0, 100, 127, 128, 20_000])
def test_what_we_write_stock_paho_reads(size: int) -> None:
    packet = framing.encode_publish(b"careloop/v1/d/receipts", b"x" * size, 7)
    assert by_paho([packet])[0] == [Incoming(b"careloop/v1/d/receipts", b"x" * size, 7, False, None)]
