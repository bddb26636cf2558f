"""Bluetooth devices near the hub: what they notify is kept as it came, and understood by the server.

Needs the optional `careloop[bluetooth]` (bleak). Written from the Bluetooth profiles and tested against a stand-in for
bleak: no real radio has been tried with it yet.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from devices.hub.outbox import Given, parse

# Blood pressure, glucose and its context, weight, spot oximetry, temperature. Continuous ones are no home readings.
NOTIFIED = ("2A35", "2A18", "2A34", "2A9D", "2A5E", "2A1C")
STORED = ("2A18", "2A34")  # a meter reports its whole memory each time; a record carries its number and time
RECORD_ACCESS, REPORT_ALL = "2A52", bytes([0x01, 0x01])
SEEN_WITHIN_S, LISTEN_S, AGAIN_S = 30.0, 60.0, 2.0
BASE = "0000{}-0000-1000-8000-00805f9b34fb"

Accept = Callable[[list[Given]], Awaitable[list[int]]]
Say = Callable[[str, str], None]


class Radio(Protocol):
    """What is used of bleak: a connection to a device that shows itself within some seconds, or None."""

    async def find(self, address: str, within_s: float) -> Any: ...

    def connect(self, found: Any) -> AbstractAsyncContextManager[Any]: ...


class Bleak:
    """The real radio. `ImportError` when bleak is not installed."""

    def __init__(self) -> None:
        import bleak

        self._bleak = bleak

    async def find(self, address: str, within_s: float) -> Any:
        return await self._bleak.BleakScanner.find_device_by_address(address, timeout=within_s)

    def connect(self, found: Any) -> AbstractAsyncContextManager[Any]:
        connection: AbstractAsyncContextManager[Any] = self._bleak.BleakClient(found)
        return connection


async def listen(radio: Radio, paired: Mapping[str, str], accept: Accept, say: Say, stop: asyncio.Event) -> None:
    """Wait for each device (Bluetooth address → its registered id) until `stop`, and accept what it notifies."""
    watching = [asyncio.create_task(_watch(radio, *pair, accept, say, stop)) for pair in paired.items()]
    try:
        await stop.wait()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _watch(radio: Radio, address: str, source: str, accept: Accept, say: Say, stop: asyncio.Event) -> None:
    """A cuff shows itself for some seconds after a measurement; whatever fails, the next one is waited for."""
    while not stop.is_set():
        try:
            found = await radio.find(address, SEEN_WITHIN_S)
            if found is not None:
                await _take(radio, found, source, accept)
        except Exception as error:
            say("bluetooth", f"{source}: {type(error).__name__}")
        await asyncio.sleep(AGAIN_S)


async def _take(radio: Radio, found: Any, source: str, accept: Accept) -> None:
    heard: asyncio.Queue[Given] = asyncio.Queue()
    async with radio.connect(found) as client:
        offered = {one.uuid.lower() for service in client.services for one in service.characteristics}
        for name in NOTIFIED:
            if BASE.format(name).lower() in offered:
                await client.start_notify(BASE.format(name), _hear(name, source, heard))
        if BASE.format(RECORD_ACCESS).lower() in offered:
            await client.write_gatt_char(BASE.format(RECORD_ACCESS), REPORT_ALL, response=True)
        try:
            async with asyncio.timeout(LISTEN_S):
                while client.is_connected or not heard.empty():
                    await _keep_next(heard, accept)
        except TimeoutError:
            return


async def _keep_next(heard: "asyncio.Queue[Given]", accept: Accept) -> None:
    try:
        given = await asyncio.wait_for(heard.get(), 1)
    except TimeoutError:
        return
    await asyncio.shield(accept([given]))


def _hear(name: str, source: str, heard: "asyncio.Queue[Given]") -> Callable[[Any, bytearray], None]:
    def on_notify(_: Any, value: bytearray) -> None:
        heard.put_nowait(notification(name, bytes(value), source))

    return on_notify


def notification(name: str, value: bytes, source: str) -> Given:
    """One notification as the server's GATT decoder reads it; a stored record is the same however often it comes."""
    said = {"characteristic": name, "value": value.hex(), "source": source}
    known = {"id": f"{source}/{name}/{value.hex()}"} if name in STORED else {}
    return parse(json.dumps(said | known).encode())
