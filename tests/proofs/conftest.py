"""A broker of one's own for each proof that publishes."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server.ops.embedded import mosquitto
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.web.conftest import app, client

__all__ = ["app", "client"]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[RunningMosquitto]:
    running = await mosquitto.start(tmp_path / "broker")
    yield running
    await running.stop()


@pytest.fixture
def on_broker(settings: Settings, broker: RunningMosquitto) -> Settings:
    return msgspec.structs.replace(settings, mqtt_url=broker.url_bridge)
