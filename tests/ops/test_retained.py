"""At a broker that allows it, a retained reading is heard once by who listens, and never replayed to a new bridge."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devices.mqtt import Broker, Session
from server.ops.embedded import mosquitto
from tests.ops.room import DEVICE, Room, eventually

READINGS = f"careloop/v1/{DEVICE}/readings"


async def test_a_bridge_that_comes_later_hears_no_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lenient = mosquitto.CONFIGURATION.replace("retain_available false\n", "")
    assert lenient != mosquitto.CONFIGURATION
    monkeypatch.setattr(mosquitto, "CONFIGURATION", lenient)
    room = Room(await mosquitto.start(tmp_path))
    device = await room.device()
    assert await device.publish(READINGS, b"replay", retain=True) == "No matching subscribers"
    login = urlsplit(room.broker.url_bridge)
    broker = Broker(host=room.broker.host, port=room.broker.port, username=login.username, password=login.password)
    session, stop = (
        Session(broker, "careloop-bridge-late", ["careloop/v1/+/readings"], lambda *_: None),
        asyncio.Event(),
    )
    running = asyncio.create_task(session.run(stop))
    try:
        await asyncio.wait_for(session.connected.wait(), 10)
        assert await device.publish(READINGS, b"fresh") == "Success"
        taken = await asyncio.wait_for(session.take(10), 10)
        assert [message.payload for message in taken] == [b"fresh"]
        session.settle(taken)
        plain = await room.bridge()  # who does not ask to be spared hears it: it was there to be replayed
        await plain.subscribe("careloop/v1/+/readings")
        await eventually(lambda: plain.received == [(READINGS, b"replay")])
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)
        for peer in room.peers:
            peer.leave()
        await room.broker.stop()
