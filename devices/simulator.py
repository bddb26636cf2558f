"""Simulated homes: each signs in as its own device, sends native JSON, and keeps a reading until its receipt."""

import asyncio
import random
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from devices import bodies, topics
from devices.bodies import Body, Kind

RECEIPT_WITHIN_S = 10.0
IN_FLIGHT = 100  # the contract's bound on what a sender has without a receipt

Fate = Literal["stored", "held", "refused", "silent"]


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One device in one home: how it signs in, what it measures, and where its clock hangs."""

    id: str
    password: str
    zone: str
    kinds: tuple[Kind, ...]
    crossing: Kind
    body: Body


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    tls: bool = False


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast: seconds between readings over all homes, and between crossings; `readings` ends it."""

    every_s: float = 2.5
    first_crossing_s: float = 15.0
    crossing_every_s: float = 45.0
    readings: int | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One reading and what the server said of it; `silent` means that no receipt came (yet)."""

    device: str
    seq: int
    kind: str
    crossing: bool
    fate: Fate


# Asked before a crossing: the devices it may come from, so that the worklist is not flooded.
MayCross = Callable[[], Awaitable[Sequence[str]]]
Tell = Callable[[Sent], None]


async def run(
    homes: Sequence[Home],
    broker: Broker,
    pace: Pace,
    *,
    seed: int,
    clock: Callable[[], datetime],
    may_cross: MayCross,
    tell: Tell,
    stop: asyncio.Event,
) -> None:
    """Send one reading after the other until told to stop, or until `pace.readings` are sent."""
    chance = random.Random(seed)  # noqa: S311 - invented readings
    senders = {home.id: Sender(home, broker, epoch=int(clock().timestamp())) for home in homes}
    loop = asyncio.get_running_loop()
    next_crossing = loop.time() + pace.first_crossing_s
    count = 0
    while not stop.is_set() and (pace.readings is None or count < pace.readings):
        home, crosses = chance.choice(list(homes)), False
        if loop.time() >= next_crossing:
            next_crossing = loop.time() + pace.crossing_every_s * chance.uniform(0.85, 1.15)
            allowed = set(await may_cross())
            fitting = [one for one in homes if one.id in allowed]
            home, crosses = (chance.choice(fitting), True) if fitting else (home, False)
        shown = show(home, chance, clock(), crosses=crosses)
        tell(await asyncio.to_thread(senders[home.id].send, shown, crosses))
        count += 1
        await _pause(stop, pace.every_s * chance.uniform(0.8, 1.2))


def show(home: Home, chance: random.Random, now: datetime, *, crosses: bool) -> dict[str, Any]:
    """A reading of this home at its own wall clock, without its number."""
    local = now.astimezone(ZoneInfo(home.zone)).replace(microsecond=0)
    kind = home.crossing if crosses else chance.choice(home.kinds)
    shown = bodies.crossing(home.body, kind, chance) if crosses else bodies.calm(home.body, kind, local, 0, chance)
    return {"kind": kind, "measured_at": local.isoformat(), **shown}


class Sender:
    """A home's device: connects to send, as battery devices do, and sends again what got no receipt."""

    def __init__(self, home: Home, broker: Broker, epoch: int) -> None:
        self._home, self._broker, self._epoch = home, broker, epoch
        self._seq = 0
        self._kept: dict[int, dict[str, Any]] = {}

    def send(self, shown: dict[str, Any], crosses: bool) -> Sent:
        """Blocks. A broker that is away is silence: the reading is kept for the next time."""
        self._seq += 1
        self._kept[self._seq] = {"seq": self._seq, "epoch": self._epoch, **shown}
        try:
            fates = self._exchange()
        except (OSError, ValueError):
            fates = {}
        for seq in fates:
            self._kept.pop(seq, None)
        fate = fates.get(self._seq, "silent")
        return Sent(device=self._home.id, seq=self._seq, kind=shown["kind"], crossing=crosses, fate=fate)

    def _exchange(self) -> dict[int, Fate]:
        """What is kept, oldest first, goes out as one message; what the receipts say of each number."""
        call = Call(self._home, self._epoch, list(self._kept.values())[:IN_FLIGHT])
        call.run(self._broker)
        return call.fates


class _Refusal(msgspec.Struct):
    seq: int | None = None


class _Receipt(msgspec.Struct):
    epoch: int
    stored: list[int] = []
    held: list[int] = []
    refused: list[_Refusal] = []


class Call:
    """One connection: listen for receipts, send, wait until every number is settled."""

    def __init__(self, home: Home, epoch: int, readings: Sequence[dict[str, Any]], client_id: str = "") -> None:
        self.fates: dict[int, Fate] = {}
        self._home, self._epoch = home, epoch
        self._wanted = {reading["seq"] for reading in readings}
        self._payload = msgspec.json.encode(readings)
        self._settled = threading.Event()
        self._client = self._new_client(client_id or home.id)

    def run(self, broker: Broker) -> None:
        if broker.tls:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.connect(broker.host, broker.port)
        deadline = time.monotonic() + RECEIPT_WITHIN_S
        try:
            while not self._settled.is_set() and time.monotonic() < deadline:
                if self._client.loop(0.2) != 0:
                    return
        finally:
            self._client.disconnect()
            self._client.loop(0)

    def _new_client(self, client_id: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, reconnect_on_failure=False)
        client.username_pw_set(self._home.id, self._home.password)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._settled.set()
        else:
            client.subscribe(topics.topic(self._home.id, "receipts"), qos=1)

    def _on_subscribe(self, client: Client, _u: Any, _m: Any, _codes: Any, _p: Any) -> None:
        client.publish(topics.topic(self._home.id, "status"), b'{"online":true}', qos=0)
        client.publish(topics.topic(self._home.id, "readings"), self._payload, qos=1)

    def _on_message(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        try:
            receipt = msgspec.json.decode(message.payload, type=_Receipt)
        except msgspec.DecodeError:
            return
        if receipt.epoch != self._epoch:
            return
        self.fates.update(dict.fromkeys(receipt.stored, "stored"))
        self.fates.update(dict.fromkeys(receipt.held, "held"))
        self.fates.update({one.seq: "refused" for one in receipt.refused if one.seq is not None})
        if self._wanted <= set(self.fates):
            self._settled.set()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
