"""One broker's folder per module of tests; the broker itself starts in a blink, so each test has its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.ops.embedded import mosquitto
from tests.ops.room import Room


@pytest.fixture(scope="module")
def broker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broker")


@pytest.fixture
async def room(broker_folder: Path) -> AsyncIterator[Room]:
    broker = await mosquitto.start(broker_folder)
    room = Room(broker)
    yield room
    for peer in room.peers:
        peer.leave()
    await broker.stop()
