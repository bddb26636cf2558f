"""The embedded broker: what it keeps, what it hides, and what it says when it cannot start."""

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest

from server.errors import BadSetting, Conflict, Unavailable
from server.ops.embedded import mosquitto
from tests.ops.room import DEVICE, OTHER, PASSWORD, Room, eventually


async def test_a_device_is_heard_by_the_bridge_and_hears_its_receipt(room: Room) -> None:
    device, bridge = await room.device(), await room.bridge()
    assert await bridge.subscribe("careloop/v1/+/readings") == "Granted QoS 1"
    assert await device.subscribe(f"careloop/v1/{DEVICE}/receipts") == "Granted QoS 1"
    assert await device.publish(f"careloop/v1/{DEVICE}/readings", b"reading") == "Success"
    await eventually(lambda: bridge.received == [(f"careloop/v1/{DEVICE}/readings", b"reading")])
    assert await bridge.publish(f"careloop/v1/{DEVICE}/receipts", b"receipt") == "Success"
    await eventually(lambda: device.received == [(f"careloop/v1/{DEVICE}/receipts", b"receipt")])


async def test_a_retained_reading_is_refused_and_no_later_bridge_hears_it(room: Room) -> None:
    device = await room.device()
    assert await device.publish(f"careloop/v1/{DEVICE}/readings", b"replay", retain=True) != "Success"
    willing = room.peer(DEVICE, PASSWORD)
    willing.will(f"careloop/v1/{DEVICE}/readings", b"replay", retain=True)
    assert await willing.sign_in() == "Retain not supported"
    late = await room.bridge()
    assert await late.subscribe("careloop/v1/+/readings") == "Granted QoS 1"
    assert await late.subscribe("$SYS/broker/uptime") == "Granted QoS 1"
    await eventually(lambda: [topic for topic, _ in late.received] == ["$SYS/broker/uptime"], 10)


async def test_a_will_is_held_to_the_devices_own_topics(room: Room) -> None:
    bridge = await room.bridge()
    await bridge.subscribe("careloop/v1/+/readings")
    await bridge.subscribe("careloop/v1/+/status")
    for topic in (f"careloop/v1/{OTHER}/readings", f"careloop/v1/{DEVICE}/status"):
        device = await room.device()
        device.leave()
        willing = room.peer(DEVICE, PASSWORD)
        willing.will(topic, b"{}")
        assert await willing.sign_in() == "Success"
        willing.vanish()
    await eventually(lambda: bridge.received == [(f"careloop/v1/{DEVICE}/status", b"{}")])


async def test_all_of_5000_readings_wait_for_a_bridge_that_is_away(room: Room) -> None:
    away = await room.bridge("careloop-bridge-test")
    await away.subscribe("careloop/v1/+/readings")
    away.leave()
    sent = [str(number).encode() for number in range(5000)]
    device = await room.device()
    await device.publish_all(f"careloop/v1/{DEVICE}/readings", sent)
    back = await room.bridge("careloop-bridge-test")
    await eventually(lambda: len(back.received) >= len(sent), 20)
    assert [payload for _, payload in back.received] == sent


async def test_a_restart_keeps_the_queue_the_logins_and_the_port(tmp_path: Path) -> None:
    first = Room(await mosquitto.start(tmp_path))
    away = await first.bridge("careloop-bridge-test")
    await away.subscribe("careloop/v1/+/readings")
    away.leave()
    await (device := await first.device()).publish(f"careloop/v1/{DEVICE}/readings", b"kept")
    device.leave()
    await first.broker.stop()
    assert first.broker.process.returncode == 0
    second = Room(await mosquitto.start(tmp_path))
    assert second.broker.url_bridge == first.broker.url_bridge
    back, device = await second.bridge("careloop-bridge-test"), second.peer(DEVICE, PASSWORD)
    await eventually(lambda: back.received == [(f"careloop/v1/{DEVICE}/readings", b"kept")])
    assert await device.sign_in() == "Success"
    back.leave()
    device.leave()
    await second.broker.stop()


async def test_the_log_and_the_files_keep_secrets(room: Room, broker_folder: Path) -> None:
    device = await room.device()
    await device.publish(f"careloop/v1/{DEVICE}/readings", b"systolic 192")
    log = (broker_folder / "mosquitto.log").read_text()
    assert DEVICE in log
    assert "systolic" not in log
    assert PASSWORD not in log
    closed = ("mosquitto.passwords", "mosquitto.conf", "mosquitto.log", "mosquitto/dynamic-security.json")
    assert {(broker_folder / name).stat().st_mode & 0o077 for name in closed} == {0}


async def test_a_second_broker_on_the_same_folder_is_told_so(room: Room, broker_folder: Path) -> None:
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        await mosquitto.start(broker_folder)


async def test_a_broker_that_cannot_start_shows_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosquitto, "CONFIGURATION", mosquitto.CONFIGURATION + "no_such_option true\n")
    with pytest.raises(Unavailable, match="no_such_option"):
        await mosquitto.start(tmp_path)


async def test_damaged_logins_are_not_replaced_by_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "mosquitto").mkdir()
    (tmp_path / "mosquitto" / "dynamic-security.json").write_text('{"clients": [')
    with pytest.raises(BadSetting, match="is damaged"):
        await mosquitto.start(tmp_path)


@pytest.fixture
def bare_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Mosquitto, whose repository is the given folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mosquitto, "ROOT", tmp_path)
    monkeypatch.setattr(mosquitto, "PROGRAM_FOLDERS", ())
    monkeypatch.setattr(mosquitto, "PLUGIN_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_mosquitto_it_says_what_to_run(bare_system: Path) -> None:
    with pytest.raises(BadSetting, match="make setup"):
        mosquitto.find()


def test_what_setup_noted_is_used(bare_system: Path) -> None:
    program, plugin = bare_system / "mosquitto", bare_system / "plugin.so"
    program.touch()
    plugin.touch()
    noted = bare_system / ".cache" / "mosquitto"
    noted.mkdir(parents=True)
    where = {"mosquitto": str(program), "plugin": str(plugin), "library_path": str(bare_system)}
    (noted / "where.json").write_bytes(msgspec.json.encode(where))
    assert mosquitto.find() == msgspec.convert(where, mosquitto.Installed)


async def test_stopping_it_by_signal_is_seen_by_who_started_it(room: Room) -> None:
    room.broker.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(room.broker.process.wait(), 5) == 0
