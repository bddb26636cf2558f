"""A small sender that keeps the contract, and breaks it in one named way when asked to."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from server.ops.check_broker import Broker

EVERY_S, RESEND_S = 0.1, 0.4


class Sender:
    """Measures ten times a second; `defect` is what it does wrong, "" for nothing."""

    def __init__(self, broker: Broker, defect: str = "") -> None:
        self.broker, self.defect = broker, defect
        self.epoch, self.seq = 5, {"begins_at_0": -1, "begins_at_7": 6}.get(defect, 0)
        self.kept: dict[int, dict[str, Any]] = {}
        self.sent: dict[int, float] = {}
        self.settled: set[int] = set()
        self.client: Client | None = None

    def reset(self) -> None:
        """Factory settings: numbers begin again."""
        self.kept.clear()
        self.sent.clear()
        self.settled.clear()
        self.seq = 0
        self.epoch += {"epoch_stays": 0, "epoch_shrinks": -1}.get(self.defect, 1)

    def measure(self) -> None:
        self.seq += 2 if self.defect == "leaves_holes" and self.seq % 5 == 4 else 1
        now = datetime.now(UTC) - timedelta(hours=3 if self.defect == "clock_is_wrong" else 0)
        at = now.replace(tzinfo=None) if self.defect == "no_offset" else now
        reading = {"seq": self.seq, "epoch": self.epoch, "kind": "pulse", "pulse": 60 + self.seq % 9}
        reading |= {"measured_at": at.isoformat()} if self.defect != "no_clock" else {}
        reading |= {"kind": "mood"} if self.defect == "unknown_kind" else {}
        if self.client is None and self.defect != "no_backlog":
            reading["backlog"] = True
        if self.client is not None or self.defect != "nothing_offline":
            self.kept[self.seq] = reading

    def send(self) -> None:
        client, now = self.client, time.monotonic()
        if client is None:
            return
        for seq, reading in list(self.kept.items()):
            again = seq in self.sent
            if again and (now - self.sent[seq] < RESEND_S or self.defect == "never_resends"):
                continue
            if len([s for s in self.sent if s in self.kept]) >= 100 and not again and self.defect != "floods":
                break
            if again and self.defect == "changes_bytes":
                reading["resent"] = True
            self.sent[seq] = now
            self._publish(client, seq, reading)
        if self.defect == "floods":
            for _ in range(80):
                self.measure()

    def _publish(self, client: Client, seq: int, reading: dict[str, Any]) -> None:
        own = f"careloop/v1/{self.broker.device}/readings"
        topic = "careloop/v1/another/readings" if self.defect == "other_topic" and seq == 2 else own
        client.publish(
            topic, json.dumps(reading), qos=0 if self.defect == "qos_0" else 1, retain=self.defect == "retains"
        )
        if self.defect == "trusts_puback" and seq in self.sent and len(self.settled) > 3:
            self.kept.pop(seq)

    def hear(self, payload: bytes) -> None:
        receipt = json.loads(payload)
        if receipt["epoch"] != self.epoch:
            return
        named = {*receipt["stored"], *receipt["held"], *(r["seq"] for r in receipt["refused"] if "seq" in r)}
        named |= {seq for seq in self.kept if seq <= receipt["through"]}
        self.settled |= named
        if self.defect != "never_forgets":
            for seq in named:
                self.kept.pop(seq, None)

    async def run(self) -> None:
        while True:
            self.measure()
            with contextlib.suppress(OSError):
                await self._connect()
            self.send()
            await asyncio.sleep(EVERY_S)

    async def _connect(self) -> None:
        if self.client is not None:
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        client = Client(CallbackAPIVersion.VERSION2, self.broker.device, protocol=MQTTv5, reconnect_on_failure=False)
        client.max_inflight_messages_set(1000)
        client.username_pw_set(self.broker.device, self.broker.password)

        def on_message(_c: Client, _u: Any, message: MQTTMessage) -> None:
            loop.call_soon_threadsafe(self.hear, bytes(message.payload))

        client.on_message = on_message
        client.on_connect = lambda c, *_: c.subscribe(f"careloop/v1/{self.broker.device}/receipts", qos=1)
        client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
        client.on_disconnect = lambda *_: loop.call_soon_threadsafe(self._lost)
        await asyncio.to_thread(client.connect, self.broker.local, self.broker.port)
        client.loop_start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await ready.wait()
                if self.defect != "no_status":
                    client.publish(f"careloop/v1/{self.broker.device}/status", b'{"online": true}', qos=1)
                self.client = client
                self.sent.clear()
                if self.defect == "forgets_on_reconnect":
                    self.kept = {seq: r for seq, r in self.kept.items() if "backlog" in r}

    def _lost(self) -> None:
        self.client = None


@asynccontextmanager
async def sending(sender: Sender) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait({task})
        if sender.client is not None:
            sender.client.disconnect()
            await asyncio.to_thread(sender.client.loop_stop)
