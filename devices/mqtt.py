"""The session with the broker: messages in bounded batches, acknowledged only after the caller has stored them.

An acknowledgement belongs to the connection that delivered the message: after a reconnect the broker delivers
again under new packet ids, and an old id would acknowledge somebody else's message. So each connection is its own
paho client, and what an older one delivered is acknowledged to that dead one, which is to nobody.
"""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

IN_FLIGHT = 2000  # the broker sends no more than this unacknowledged: our buffer's bound
SESSION_SECONDS = 7 * 24 * 3600
KEEPALIVE_SECONDS = 30
LONGEST_PAUSE = 15.0


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and as whom we speak to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One message, and the connection that must hear its acknowledgement."""

    topic: str
    payload: bytes
    mid: int
    by: Client


class Session:
    """One durable MQTT 5 session under a stable client id. Run `run` as a task; take, store, then settle."""

    def __init__(self, broker: Broker, client_id: str, filters: Sequence[str], say: Callable[[str, str], None]) -> None:
        self._broker, self._client_id, self._filters, self._say = broker, client_id, filters, say
        self._waiting: deque[Delivered] = deque()
        self._arrived = asyncio.Event()
        self._current: Client | None = None
        self.connected = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; a broker that is away is tried again with growing, jittered pauses."""
        pause = 0.5
        while not stop.is_set():
            was_connected = await self._one_connection(stop)
            pause = 0.5 if was_connected else min(pause * 2, LONGEST_PAUSE)
            await _wait(stop, pause * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def take(self, most: int) -> list[Delivered]:
        """What is there now, at most `most`; waits for the first, never for more."""
        while not self._waiting:
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def settle(self, stored: Sequence[Delivered]) -> None:
        """Acknowledge what has been committed. To a connection that is gone this does nothing, as it must."""
        for message in stored:
            if message.mid:  # 0 is QoS 0: acknowledging it is a protocol error, and the broker hangs up
                message.by.ack(message.mid, 1)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1. False when the broker is away: the sender of a reading will ask again."""
        client = self._current
        return client is not None and client.publish(topic, payload, qos=1).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    async def _one_connection(self, stop: asyncio.Event) -> bool:
        """True when the broker had accepted us before the connection ended."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        client = self._client(loop, over)
        try:
            await asyncio.to_thread(self._connect, client)
        except (OSError, ValueError) as error:
            self._say("broker_away", type(error).__name__)
            return False
        client.loop_start()  # paho's own thread: without it, two threads would write to one socket
        await _first(stop, over)
        accepted = self.connected.is_set()
        self._forget(client)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
        return accepted

    def _connect(self, client: Client) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = IN_FLIGHT
        broker = self._broker
        client.connect(broker.host, broker.port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)

    def _client(self, loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTv5, manual_ack=True, reconnect_on_failure=False
        )
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe(loop)
        client.on_disconnect = self._on_disconnect(loop, over)
        client.on_message = self._on_message(loop)
        return client

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, __: Any) -> None:
        if reason.is_failure:
            self._say("broker_refused", str(reason))
            client.disconnect()
            return
        # Retained readings are replays, not measurements: the broker is asked not to send them.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe([(pattern, options) for pattern in self._filters])
        self._say("broker_connected", "session resumed" if flags.session_present else "new session")

    def _on_subscribe(self, loop: asyncio.AbstractEventLoop) -> Any:
        def on_subscribe(client: Client, *_: Any) -> None:
            loop.call_soon_threadsafe(self._adopt, client)

        return on_subscribe

    def _on_disconnect(self, loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> Any:
        def on_disconnect(_: Client, __: Any, ___: DisconnectFlags, reason: ReasonCode, ____: Any) -> None:
            self._say("broker_disconnected", str(reason))
            if not loop.is_closed():
                loop.call_soon_threadsafe(over.set)

        return on_disconnect

    def _on_message(self, loop: asyncio.AbstractEventLoop) -> Any:
        def on_message(client: Client, _: Any, message: MQTTMessage) -> None:
            delivered = Delivered(topic=message.topic, payload=bytes(message.payload), mid=message.mid, by=client)
            self._waiting.append(delivered)
            if not self._arrived.is_set():
                loop.call_soon_threadsafe(self._arrived.set)

        return on_message

    def _adopt(self, client: Client) -> None:
        self._current = client
        self.connected.set()

    def _forget(self, client: Client) -> None:
        if self._current is client:
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
