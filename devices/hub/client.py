"""The hub's way to the server over MQTT 5: every reading is sent until a receipt settles it.

While nobody answers, one reading asks again from time to time, so that a server that was away for a day does not
find a day of repetitions. The first receipt wakes the rest.
"""

import asyncio
import random
import sqlite3
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices import topics
from devices.hub.flights import Flights
from devices.hub.outbox import Entry, Given, Outbox

KEEPALIVE_S = 30
ANSWER_WITHIN_S = 20.0
LONGEST_PAUSE_S = 60.0
CLOCK_NEVER_SET = datetime(2020, 1, 1, tzinfo=UTC)
CONTENT_TYPES = {False: "application/vnd.careloop+json", True: "application/vnd.careloop.gatt+json"}
OFFLINE = b'{"online":false}'


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How the broker proves itself, and how we do: paths of PEM files. Without `ca`, the system's."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            made.load_cert_chain(self.certificate, self.key)
        return made


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and who we are there."""

    host: str
    port: int
    id: str
    password: str | None = None
    tls: Tls | None = None


class Receipt(msgspec.Struct):
    """What the server says of ours. Unknown words are skipped: a later server may say more."""

    epoch: int
    through: int = 0
    stored: list[int] = []
    held: list[int] = []
    refused: list["Refusal"] = []
    hash: str | None = None


class Refusal(msgspec.Struct):
    reason: str = ""
    seq: int | None = None
    hash: str | None = None


Event = Literal["connected", "disconnected", "away", "refused_by_broker", "reading_refused", "command", "store"]
Say = Callable[[Event, str], None]


class Hub:
    """One sender. `accept` is durable when it returns; `run` delivers until told to stop."""

    def __init__(
        self, outbox: Outbox, account: Account, *, say: Say, now: Callable[[], datetime], receipt_within_s: float = 10.0
    ) -> None:
        self._outbox, self._account, self._say, self._now = outbox, account, say, now
        self._flights = Flights(receipt_within_s)
        self._wake = asyncio.Event()
        self._client: Client | None = None
        self.drained = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._client is not None

    @property
    def epoch(self) -> int:
        return self._outbox.epoch

    def waiting(self) -> int:
        """How many readings have no receipt yet."""
        return self._outbox.waiting()

    async def accept(self, readings: Sequence[Given]) -> list[int]:
        """Their numbers, once they are on disk. `sqlite3.Error` when the disk cannot keep them: none is accepted.

        A reading without a time gets the hub's, unless the hub's own clock was never set.
        """
        stamped = [_stamped(given, self._now()) for given in readings]
        numbers = await asyncio.to_thread(self._outbox.accept, stamped, backlog=not self.connected)
        self.drained.clear()
        self._wake.set()
        return numbers

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; a broker that is away is tried again with growing, jittered pauses."""
        pause = 0.5
        while not stop.is_set():
            accepted = await self._one_connection(stop)
            pause = 0.5 if accepted else min(pause * 2, LONGEST_PAUSE_S)
            await _wait(stop, pause * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def _one_connection(self, stop: asyncio.Event) -> bool:
        """True when the broker had accepted us before the connection ended."""
        link = _Link(self._account, asyncio.get_running_loop(), self._hear, self._say)
        try:
            await asyncio.to_thread(link.connect)
        except (OSError, ValueError) as error:
            self._say("away", type(error).__name__)
            return False
        try:
            await _first(link.ready, link.over, stop, within_s=ANSWER_WITHIN_S)
            if not link.ready.is_set() or link.over.is_set():
                return False
            await self._deliver(link, stop)
            return True
        finally:
            self._client = None
            await asyncio.to_thread(link.close)

    async def _deliver(self, link: "_Link", stop: asyncio.Event) -> None:
        self._flights.reconnected()
        self._client = link.client
        self._say("connected", f"{self.waiting()} waiting")
        self._status(link.client)
        while not (stop.is_set() or link.over.is_set()):
            self._wake.clear()
            await self._send_what_may(link.client)
            await _first(stop, link.over, self._wake, within_s=self._flights.next_look(time.monotonic()))

    def _status(self, client: Client) -> None:
        said = {"online": True, "clock": self._now().isoformat()}
        client.publish(topics.topic(self._account.id, "status"), msgspec.json.encode(said), qos=1)

    async def _send_what_may(self, client: Client) -> None:
        """What is due again, each as its own message; then live readings, then backlog, as far as there is room."""
        for entry in self._flights.due(time.monotonic()):
            self._publish(client, [entry])
        for backlog in (False, True):
            room = self._flights.room(backlog=backlog)
            if room:
                flying = self._flights.numbers()
                entries = await asyncio.to_thread(self._outbox.next, room, backlog=backlog, flying=flying)
                if entries and self._publish(client, entries):
                    self._flights.took_off(entries, time.monotonic())
        if not self._flights.numbers() and await asyncio.to_thread(self._outbox.waiting) == 0:
            self.drained.set()

    def _publish(self, client: Client, entries: Sequence[Entry]) -> bool:
        """One message of each format: the entries' own bytes, so that each is the same however it is grouped."""
        done = True
        for gatt, content_type in CONTENT_TYPES.items():
            bodies = [entry.body for entry in entries if entry.gatt is gatt]
            if bodies:
                payload = bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"
                named = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                named.ContentType = content_type
                sent = client.publish(topics.topic(self._account.id, "readings"), payload, qos=1, properties=named)
                done = done and sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        return done

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/commands"):
            self._say("command", payload.decode(errors="replace"))
            return
        try:
            receipt = msgspec.json.decode(payload, type=Receipt)
        except msgspec.DecodeError:
            return
        try:
            self._settle(receipt)
        except sqlite3.Error as error:  # it stays, is sent again, and its receipt is repeated
            self._say("store", type(error).__name__)
        self._wake.set()

    def _settle(self, receipt: Receipt) -> None:
        """Forget what it names. An entry whose number could not be read is named by its hash."""
        self._flights.heard()
        settled: set[int] = set()
        if receipt.epoch == self._outbox.epoch:
            settled.update(receipt.stored, receipt.held, (r.seq for r in receipt.refused if r.seq is not None))
        named = {h for h in (receipt.hash, *(r.hash for r in receipt.refused)) if h is not None}
        settled.update(self._flights.of_hashes(named))
        through = receipt.through if receipt.epoch == self._outbox.epoch else 0
        self._outbox.forget(settled, through)
        self._flights.landed(settled, through)
        for refusal in receipt.refused:
            self._say("reading_refused", f"{refusal.seq or refusal.hash}: {refusal.reason}")


class _Link:
    """One connection with a paho client of its own: nothing of an older one comes back in it."""

    def __init__(
        self, account: Account, loop: asyncio.AbstractEventLoop, hear: Callable[[str, bytes], None], say: Say
    ) -> None:
        self._account, self._loop, self._hear, self._say = account, loop, hear, say
        self.ready, self.over = asyncio.Event(), asyncio.Event()
        self._heard = [topics.topic(account.id, "receipts"), topics.topic(account.id, "commands")]
        self.client = self._new_client()

    def _new_client(self) -> Client:
        account = self._account
        client = Client(CallbackAPIVersion.VERSION2, account.id, protocol=MQTTv5, reconnect_on_failure=False)
        client.max_inflight_messages_set(200)
        if account.password is not None:
            client.username_pw_set(account.id, account.password)
        if account.tls:
            client.tls_set_context(account.tls.context())
        client.will_set(topics.topic(account.id, "status"), OFFLINE, qos=1)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._tell(self.ready.set)
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def connect(self) -> None:
        self.client.connect(self._account.host, self._account.port, KEEPALIVE_S, clean_start=True)
        self.client.loop_start()

    def close(self) -> None:
        """Say goodbye if there is still somebody to say it to."""
        if not self.over.is_set():
            said = self.client.publish(topics.topic(self._account.id, "status"), OFFLINE, qos=0)
            if said.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                said.wait_for_publish(1)
        self.client.disconnect()
        self.client.loop_stop()

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *arguments)

    def _on_connect(self, client: Client, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        if reason.is_failure:
            self._tell(self._say, "refused_by_broker", str(reason))
            self._tell(self.over.set)
        else:
            client.subscribe([(topic, 1) for topic in self._heard])

    def _on_disconnect(self, _c: Client, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        self._tell(self._say, "disconnected", str(reason))
        self._tell(self.over.set)

    def _on_message(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        self._tell(self._hear, message.topic, bytes(message.payload))


def _stamped(given: Given, now: datetime) -> Given:
    if "measured_at" in given.fields or now < CLOCK_NEVER_SET:
        return given
    at = msgspec.Raw(msgspec.json.encode(now.astimezone().isoformat(timespec="seconds")))
    return msgspec.structs.replace(given, fields={**given.fields, "measured_at": at})


async def _first(*events: asyncio.Event, within_s: float | None = None) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    await _first(stop, within_s=seconds)
