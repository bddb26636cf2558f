"""Plays the server for one sender under test: withholds receipts, gives them, cuts the line, and watches."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices import formats, receipts, topics
from devices.conformance import Log, Outage, Sight
from devices.decoded import DecodedReading
from devices.receipts import Settled
from server.ops.check_broker import US, Broker

KEEPALIVE_S = 30
FATES: tuple[Literal["stored", "held"], ...] = ("stored", "stored", "held")


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds at most: for a reading, for a repetition, without a broker, of quiet after receipts, for a reset."""

    reading_s: float = 120
    resend_s: float = 90
    offline_s: float = 20
    quiet_s: float = 30
    reset_s: float = 180


Tell = Callable[[str, str], None]  # (step, what happens and what to do now)


async def run(broker: Broker, format_name: str, pace: Pace, tell: Tell, *, with_reset: bool) -> Log:
    """Go through all steps; each ends early once it has seen what it is for."""
    witness = Witness(broker, format_name)
    log = witness.log
    await broker.start()
    try:
        await witness.connect()
        tell("measure", "Connect the sender and let it measure. No receipt is given yet.")
        if not await witness.until(lambda: len(log.sights) > 0, pace.reading_s):
            return log
        tell("keep", "The same reading must come again, since it got no receipt.")
        await witness.until(lambda: any(len(seen) > 1 for seen in log.times().values()), pace.resend_s)
        tell("forget", "Receipts are given now. Keep measuring; what is settled must not come again.")
        witness.answering = True
        witness.answer()
        await witness.until(lambda: False, pace.quiet_s)
        await _cut(witness, broker, pace, tell)
        if with_reset:
            await _reset(witness, pace, tell)
    finally:
        await witness.leave()
        await broker.stop()
    return log


async def _cut(witness: "Witness", broker: Broker, pace: Pace, tell: Tell) -> None:
    """With a reading waiting for its receipt, the broker goes; it comes back after some readings were made."""
    log = witness.log
    witness.answering = False
    tell("wait", "Measure once more; this reading gets no receipt.")
    if not await witness.until(lambda: bool(log.outstanding()), pace.reading_s):
        return
    down, wall_down = time.monotonic(), datetime.now(UTC)
    await witness.leave()
    await broker.stop()
    tell("offline", f"The broker is away for {pace.offline_s:.0f} s. Measure now.")
    await asyncio.sleep(pace.offline_s)
    waiting = {sight.key for sight in log.outstanding()}
    log.outage = Outage(down=down, up=time.monotonic(), wall_down=wall_down, wall_up=datetime.now(UTC))
    await broker.start()
    await witness.connect()
    tell("online", "The broker is back. What waited must come again, and what was measured meanwhile as backlog.")
    witness.answering = True
    await witness.until(lambda: waiting <= set(log.answered), pace.resend_s)
    await witness.until(lambda: False, pace.quiet_s)


async def _reset(witness: "Witness", pace: Pace, tell: Tell) -> None:
    log = witness.log
    before = {sight.key: sight.hash for sight in log.sights}
    epochs = {epoch for epoch, _ in before}
    log.reset_at = time.monotonic()
    tell("reset", "Reset the sender to factory settings and measure once.")

    def began_again() -> bool:
        since = [s for s in log.sights if s.at >= (log.reset_at or 0)]
        return any(s.key[0] not in epochs or (s.key in before and s.hash != before[s.key]) for s in since)

    await witness.until(began_again, pace.reset_s)
    await witness.until(lambda: False, min(pace.quiet_s, 3))  # its receipt reaches it


class Witness:
    """Our login at the broker: hears everything, answers when `answering`."""

    def __init__(self, broker: Broker, format_name: str) -> None:
        self.log = Log(device=broker.device)
        self.answering = False
        self._broker, self._format = broker, format_name
        self._heard = asyncio.Event()
        self._client: Client | None = None

    async def connect(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        client = Client(CallbackAPIVersion.VERSION2, US, protocol=MQTTv5, reconnect_on_failure=False)
        client.username_pw_set(US, self._broker.us)
        options = SubscribeOptions(qos=2, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)

        def on_message(_c: Client, _u: Any, message: MQTTMessage) -> None:
            loop.call_soon_threadsafe(self._hear, message, bytes(message.payload))

        def on_subscribe(*_: Any) -> None:
            loop.call_soon_threadsafe(ready.set)

        client.on_connect = lambda c, *_: c.subscribe("careloop/v1/#", options=options)
        client.on_subscribe = on_subscribe
        client.on_message = on_message
        await asyncio.to_thread(client.connect, self._broker.local, self._broker.port, KEEPALIVE_S)
        client.loop_start()
        async with asyncio.timeout(20):
            await ready.wait()
        self._client = client

    async def leave(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)
            self._client = None

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """True once it holds; False when the time is over."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return condition()
        return True

    def _hear(self, message: MQTTMessage, payload: bytes) -> None:
        topic = topics.parse(message.topic)
        if topic is None or topic.kind == "status":
            self.log.statuses += topic is not None
        elif topic.kind == "readings":
            at, wall = time.monotonic(), datetime.now(UTC)
            fresh = [
                Sight(
                    at=at, wall=wall, topic=message.topic, qos=message.qos, retained=message.retain, entry=entry,
                    hash=hashlib.sha256(entry.raw).hexdigest(),
                )
                for entry in formats.decode(payload, self._format)
            ]  # fmt: skip
            self.log.sights += fresh
            if self.answering:
                self._receipts(fresh)
        self._heard.set()

    def answer(self) -> None:
        """Give their receipts to all that wait."""
        self._receipts(self.log.outstanding())

    def _receipts(self, sights: Sequence[Sight]) -> None:
        """As the bridge would give them; some are told `held`, since both mean that the sender may forget."""
        at = time.monotonic()
        for sight in sights:
            self.log.answered.setdefault(sight.key, []).append(at)
        through = {(self.log.device, sight.key[0]): self._through(sight.key[0]) for sight in sights}
        for said in receipts.receipts([self._settled(s) for s in sights], through).get(self.log.device, ()):
            if self._client is not None:
                self._client.publish(topics.topic(self.log.device, "receipts"), msgspec.json.encode(said), qos=1)

    def _through(self, epoch: int) -> int:
        through = 0
        while (epoch, through + 1) in self.log.answered:
            through += 1
        return through

    def _settled(self, sight: Sight) -> Settled:
        decoded = sight.entry.decoded
        understood = isinstance(decoded, DecodedReading)
        return Settled(
            sender=self.log.device, epoch=decoded.epoch, seq=decoded.seq, hash=bytes.fromhex(sight.hash),
            fate=FATES[(decoded.seq or 0) % len(FATES)] if understood else "quarantined",
            reason=None if isinstance(decoded, DecodedReading) else decoded.reason,
        )  # fmt: skip
