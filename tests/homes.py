"""A device at home, for tests: keeps each reading until its receipt, as the contract asks."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion


class Home:
    """One sender on the real broker. `receipts` are what came back; `settled` the numbers they settled."""

    def __init__(self, client: Client, device: str) -> None:
        self.client, self.device = client, device
        self.receipts: list[dict[str, Any]] = []
        self.settled: dict[int, str] = {}
        self.heard = asyncio.Event()

    def send(self, *entries: Any) -> None:
        """One message: an array of entries, or raw bytes as they are."""
        raw = isinstance(entries[0], bytes)
        payload = entries[0] if raw else json.dumps(entries[0] if len(entries) == 1 else list(entries)).encode()
        self.client.publish(f"careloop/v1/{self.device}/readings", payload, qos=1)

    def hear(self, payload: bytes) -> None:
        receipt = json.loads(payload)
        self.receipts.append(receipt)
        for fate in ("stored", "held"):
            self.settled.update(dict.fromkeys(receipt[fate], fate))
        self.settled.update({r["seq"]: "refused" for r in receipt["refused"] if "seq" in r})
        self.heard.set()

    async def until(self, condition: Any, seconds: float = 15) -> None:
        """Wait for receipts until the condition holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.heard.clear()
                if not condition():
                    await self.heard.wait()

    async def until_settled(self, numbers: Sequence[int], seconds: float = 15) -> None:
        await self.until(lambda: all(n in self.settled for n in numbers), seconds)


@asynccontextmanager
async def at_home(host: str, port: int, device: str, password: str) -> AsyncIterator[Home]:
    """Connect as that device and listen for its receipts."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    client = Client(CallbackAPIVersion.VERSION2, f"home-{device}", protocol=MQTTv5)
    home = Home(client, device)
    client.username_pw_set(device, password)
    client.max_inflight_messages_set(100)
    client.reconnect_delay_set(1, 2)

    def on_message(_: Client, __: Any, message: MQTTMessage) -> None:
        loop.call_soon_threadsafe(home.hear, bytes(message.payload))

    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe(f"careloop/v1/{device}/receipts", qos=1)
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    await asyncio.to_thread(client.connect, host, port)
    client.loop_start()
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        yield home
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
