"""The session with the broker: messages in bounded batches, acknowledged only after the caller has stored them.

An acknowledgement belongs to the connection that delivered the message: after a reconnect the broker delivers
again under new packet ids, and an old id would acknowledge somebody else's message. So each connection is its own
paho client, and what an older one delivered is acknowledged to that dead one, which is to nobody.
"""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices import framing
from devices.driver import Driver
from devices.framing import FramingClient, Incoming, Window
from devices.inbox import Inbox

IN_FLIGHT = 50_000  # the broker sends no more than this unacknowledged: our buffer's bound
BIGGEST_PACKET = 1_000_000
SESSION_SECONDS = 7 * 24 * 3600
KEEPALIVE_SECONDS = 30
LONGEST_PAUSE = 15.0

Say = Callable[[str, str], None]


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and as whom we speak to it. `plain` uses stock paho instead of our framing."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    plain: bool = False


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """One message, and the connection that must hear its acknowledgement. `mid` is 0 at QoS 0."""

    topic: bytes
    payload: bytes
    mid: int
    content_type: str | None
    by: "Connection"


class Connection:
    """One connection through stock paho: one wake and one write per packet."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._delivered: deque[int] = deque()  # packet ids not yet acknowledged, in the order they came
        self._stored: set[int] = set()

    def opened(self, properties: Properties | None) -> None:
        """The broker accepted us, on these terms."""

    def delivered(self, mids: Iterable[int]) -> None:
        """These came, in this order. QoS 0 has no packet id: acknowledging it is an error, and ends the connection."""
        self._delivered.extend(mid for mid in mids if mid)

    def settle(self, mids: Iterable[int]) -> None:
        """These are stored. What has nothing unstored before it is acknowledged, as it came (MQTT-4.6.0-2)."""
        self._stored.update(mids)
        ready = []
        while self._delivered and self._delivered[0] in self._stored:
            ready.append(self._delivered.popleft())
        self._stored.difference_update(ready)
        self._stored.discard(0)
        self._acknowledge(ready)

    def _acknowledge(self, mids: Sequence[int]) -> None:
        for mid in mids:
            self.client.ack(mid, 1)

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for topic, payload in messages:
            self.client.publish(topic, payload, qos=1)


class FramedConnection(Connection):
    """One connection through our framing: a batch's acknowledgements and receipts in one write each."""

    client: FramingClient

    def __init__(self, client: FramingClient) -> None:
        super().__init__(client)
        self._window = Window(client, 0)

    def opened(self, properties: Properties | None) -> None:
        self._window.open(min(getattr(properties, "ReceiveMaximum", 65535), IN_FLIGHT))

    def _acknowledge(self, mids: Sequence[int]) -> None:
        self.client.acknowledge(mids)

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        self._window.publish(messages)


class Session:
    """One durable MQTT 5 session under a stable client id. Run `run` as a task; take, store, then settle."""

    def __init__(self, broker: Broker, client_id: str, filters: Sequence[str], say: Say) -> None:
        self._broker, self._client_id, self._filters, self._say = broker, client_id, filters, say
        self._inbox: Inbox[Delivered] = Inbox()
        self._current: Connection | None = None
        self._driver: Driver | None = None
        self._framed = not broker.plain and framing.fits()
        self.connected = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; a broker that is away is tried again with growing, jittered pauses."""
        pause = 0.5
        while not stop.is_set():
            was_connected = await self._one_connection(stop)
            pause = 0.5 if was_connected else min(pause * 2, LONGEST_PAUSE)
            await _wait(stop, pause * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def take(self, most: int) -> list[Delivered]:
        """What is there now, at most `most`, each sender in turn; waits for the first, never for more.

        Empty once `no_more` was said.
        """
        self._read()
        while self._inbox.empty:
            if self._driver is not None:
                self._driver.listen()
            await self._inbox.some()
            self._read()
        return self._inbox.take_now(most)

    def no_more(self) -> None:
        """Who takes is told to end; the session itself goes on, so that what was stored can be acknowledged."""
        self._inbox.abandon()

    def _read(self) -> None:
        if self._driver is not None:
            self._driver.read()

    def settle(self, stored: Sequence[Delivered]) -> None:
        """Acknowledge what has been committed. To a connection that is gone this does nothing, as it must."""
        for by, messages in groupby(stored, key=attrgetter("by")):
            by.settle([message.mid for message in messages])

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> bool:
        """Send at QoS 1. False when the broker is away: the sender of a reading will ask again."""
        if self._current is None:
            return False
        self._current.publish(messages)
        return True

    async def _one_connection(self, stop: asyncio.Event) -> bool:
        """True when the broker had accepted us before the connection ended."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        connection = self._connection(over)
        client = connection.client
        try:
            await asyncio.to_thread(self._connect, client)
        except (OSError, ValueError) as error:
            self._say("broker_away", type(error).__name__)
            return False
        if client.socket() is None:  # it hung up before our first word was out; paho has closed and raises nothing
            self._say("broker_away", "hung up")
            return False
        self._driver = Driver(client, loop, lambda: self._inbox.came)
        await _first(stop, over)
        accepted = self.connected.is_set()
        self._forget(connection)
        self._driver.stop()
        self._driver = None
        return accepted

    def _connect(self, client: Client) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = IN_FLIGHT
        properties.MaximumPacketSize = BIGGEST_PACKET
        broker = self._broker
        client.connect(broker.host, broker.port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)

    def _connection(self, over: asyncio.Event) -> Connection:
        kind = FramingClient if self._framed else Client
        client = kind(
            CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTv5, manual_ack=True, reconnect_on_failure=False
        )
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(ssl.create_default_context())
        connection = FramedConnection(client) if isinstance(client, FramingClient) else Connection(client)
        self._hear(connection, over)
        return connection

    def _hear(self, connection: Connection, over: asyncio.Event) -> None:
        """Paho calls these while it is driven, so on the loop."""
        client = connection.client

        def on_disconnect(_: Client, __: Any, ___: DisconnectFlags, reason: ReasonCode, ____: Any) -> None:
            self._say("broker_disconnected", str(reason))
            over.set()

        def on_subscribe(*_: Any) -> None:
            self.connected.set()

        def take(messages: list[Incoming]) -> None:
            connection.delivered([m.mid for m in messages])
            self._inbox.put([Delivered(m.topic, m.payload, m.mid, m.content_type, connection) for m in messages])

        def on_message(_: Client, __: Any, message: MQTTMessage) -> None:
            content_type = getattr(message.properties, "ContentType", None)
            mid = message.mid if message.qos else 0
            take([Incoming(message.topic.encode(), bytes(message.payload), mid, message.retain, content_type)])

        client.on_connect = self._accepted(connection)
        client.on_disconnect, client.on_subscribe, client.on_message = on_disconnect, on_subscribe, on_message
        if isinstance(client, FramingClient):
            client.take = take

    def _accepted(self, connection: Connection) -> Any:
        def on_connect(client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Any) -> None:
            if reason.is_failure:
                self._say("broker_refused", str(reason))
                client.disconnect()
                return
            connection.opened(properties)
            # Before the subscription is confirmed: a resumed session delivers at once, and wants its receipts.
            self._current = connection
            # Retained readings are replays, not measurements: the broker is asked not to send them.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            client.subscribe([(pattern, options) for pattern in self._filters])
            self._say("broker_connected", "session resumed" if flags.session_present else "new session")

        return on_connect

    def _forget(self, connection: Connection) -> None:
        if self._current is connection:
            self._current = None
        self.connected.clear()


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
