"""The crowd: thousands of devices in one process, each with its own MQTT 5 connection, login, topic and receipts.

The machine that is measured also has to play the homes, so they must cost little: packets are made beforehand, and
a device's socket is read when its next turn to send comes (its receipts are acknowledged in that same write), or by
epoll when there is nothing to send. It is told what to do by lines of JSON on its standard input.
"""

import gc
import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench import wire
from devices import topics

CROSSING = 0.02  # of the readings cross a high limit
CROSSES, NORMAL = 185, (105, 155)
READING = (
    b'{"seq":%d,"kind":"blood_pressure","measured_at":"%b","systolic":%d,"diastolic":80,"pulse":71,"unit":"mm[Hg]"}'
)
TICK_S = 0.005
LISTEN_S = 0.02
SILENT_S = 30.0  # nothing at all for so long: what is missing will not come


class Receipt(msgspec.Struct):
    """What counts of a receipt: the numbers it settles."""

    stored: list[int]
    held: list[int]
    refused: list[Any]


read_receipt = msgspec.json.Decoder(Receipt).decode


class Device:
    """One connection; `owed` are acknowledgements not yet written."""

    __slots__ = ("owed", "rest", "socket", "topic")

    def __init__(self, connection: socket.socket, device: str) -> None:
        self.socket, self.topic = connection, wire.topic_bytes(topics.topic(device, "readings"))
        self.owed = self.rest = b""


class Crowd:
    """All devices, and what the broker has told them since the last order."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.devices: list[Device] = []
        self.by_socket: dict[int, Device] = {}
        self.epoll = select.epoll()
        self.acked = self.stored = self.other = self.crossing = 0
        self.share = CROSSING

    def connect(self, host: str, port: int, logins: str) -> dict[str, Any]:
        """Sign every device in and let it listen to its own receipts."""
        with open(logins, encoding="utf-8") as file:
            for device, password in json.load(file):
                hello = wire.connect(f"home-{device}", device, password)
                connection = wire.signed_in(host, port, hello, filters=(topics.topic(device, "receipts"),))
                connection.setblocking(False)
                self.devices.append(Device(connection, device))
                self.by_socket[connection.fileno()] = self.devices[-1]
                self.epoll.register(connection, select.EPOLLIN)
        gc.collect()
        gc.freeze()
        return {"connected": len(self.devices)}

    def publish(self, count: int, first: int, settle: bool, within_s: float) -> dict[str, Any]:
        """Send `count` readings, one a message and one device after the other, as fast as the broker takes them.

        Then wait for the broker's word on each and, with `settle`, for the receipt of each.
        """
        self._begin()
        packets = list(self._packets(first, count))
        deadline, started = time.monotonic() + within_s, time.monotonic()
        for number, packet in enumerate(packets):
            self._send(self.devices[number % len(self.devices)], packet, hear=number >= len(self.devices))
        sent = time.monotonic()
        self._listen_until(lambda: self.acked >= count, deadline)
        acked = time.monotonic()
        if settle:
            self._listen_until(lambda: self.stored + self.other >= count, deadline)
        return self._told(started=started, sent_at=sent, acked_at=acked)

    def listen(self, count: int, within_s: float) -> dict[str, Any]:
        """Only receive, until `count` readings have their receipt."""
        self._begin()
        self._listen_until(lambda: self.stored + self.other >= count, time.monotonic() + within_s)
        return self._told()

    def heard(self) -> dict[str, Any]:
        """What came since the last order to publish, without waiting for more."""
        self._drain()
        return self._told()

    def pace(
        self, rate: float, first: int, seconds: float, within_s: float, crossing: float = CROSSING
    ) -> dict[str, Any]:
        """Send `rate` readings a second, evenly, for so long; then wait for the receipt of each."""
        self._begin()
        self.share = crossing
        started, sent, size = time.monotonic(), 0, len(self.devices)
        packets = self._packets(first, int(rate * seconds))
        for sent, packet in enumerate(packets, 1):
            self._send(self.devices[(sent - 1) % size], packet, hear=sent > size)
            while (ahead := sent / rate - (time.monotonic() - started)) > TICK_S:
                time.sleep(ahead)
        ended = time.monotonic()
        self._listen_until(lambda: self.stored + self.other >= sent, ended + within_s)
        return self._told(started=started, sent_at=ended, sent=sent)

    def _begin(self) -> None:
        self._drain()
        self.acked = self.stored = self.other = self.crossing = 0

    def _drain(self) -> None:
        while self._hear_all(0.0):
            pass

    def _told(self, **more: Any) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("acked", "stored", "other", "crossing")}
        return {**counts, **more, "ended": time.monotonic()}

    def _packets(self, first: int, count: int) -> Iterator[bytes]:
        """The packets in the order of sending; each device counts its own readings from `first`."""
        size, chance = len(self.devices), self.chance.random
        for number in range(count):
            seq = first + number // size
            systolic = self.chance.randint(*NORMAL)
            if chance() < self.share:
                systolic, self.crossing = CROSSES, self.crossing + 1
            payload = READING % (seq, datetime.now(UTC).isoformat().encode(), systolic)
            yield wire.publish(self.devices[number % size].topic, seq % 65535 + 1, payload)

    def _send(self, device: Device, packet: bytes, *, hear: bool) -> None:
        if hear:
            self._hear(device)
        self._write(device, device.owed + packet)
        device.owed = b""

    def _write(self, device: Device, data: bytes) -> None:
        while True:
            try:
                data = data[device.socket.send(data) :]
            except BlockingIOError:  # the broker takes no more for now
                self._hear_all(LISTEN_S)
            if not data:
                return

    def _listen_until(self, done: Callable[[], bool], deadline: float) -> None:
        heard_at = time.monotonic()
        while not done() and (now := time.monotonic()) < min(deadline, heard_at + SILENT_S):
            if self._hear_all(LISTEN_S):
                heard_at = now

    def _hear_all(self, wait_s: float) -> int:
        """Read every device that has something; answer at once."""
        heard = self.epoll.poll(wait_s)
        for number, _ in heard:
            device = self.by_socket[number]
            self._hear(device)
            if device.owed:
                owed, device.owed = device.owed, b""
                device.socket.send(owed)  # a few bytes, to a socket that is nearly empty
        return len(heard)

    def _hear(self, device: Device) -> None:
        try:
            data = device.socket.recv(65536)
        except BlockingIOError:
            return
        if len(data) == 4 and data[0] == wire.PUBACK and not device.rest:  # by far the most
            self.acked += 1
            return
        if not data:
            raise ConnectionError("the broker hung up on a device")
        data, end = device.rest + data, 0
        for command, start, end in wire.packets(data):
            if command == wire.PUBACK:
                self.acked += 1
            elif command == wire.PUBLISH:
                mid, payload = wire.received(data, start, end)
                receipt = read_receipt(payload)
                self.stored += len(receipt.stored)
                self.other += len(receipt.held) + len(receipt.refused)
                device.owed += wire.puback(mid)
        device.rest = data[end:]


def main() -> None:
    """Carry out one order a line, and say on one line what came of it."""
    gc.disable()
    crowd = Crowd(int(sys.argv[1]))
    for line in sys.stdin:
        order = json.loads(line)
        number = order.pop("order")
        try:
            told = getattr(crowd, order.pop("do"))(**order)
        except OSError as error:
            told = {"failed": f"the crowd: {error}"}
        print(json.dumps({"order": number, **told}), flush=True)


if __name__ == "__main__":
    main()
