"""The door for certificates: who the broker takes a device for, and whom it turns away."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices import authority
from devices.authority import Authority, open_authority
from server.ops.embedded import mosquitto
from tests.ops.room import DEVICE, OTHER, Peer, Room, eventually

NOW = datetime.now(UTC)
READINGS = f"careloop/v1/{DEVICE}/readings"
MARK = b"systolic 192"


class Clinic:
    """A broker with a door, its authority, and the bridge listening."""

    def __init__(self, room: Room, folder: Path, bridge: Peer) -> None:
        self.room, self.folder, self.bridge = room, folder, bridge
        self.ours = open_authority(folder / "authority", NOW)

    def shows(self, name: str, by: Authority | None = None, since: datetime = NOW, username: str = "") -> Peer:
        """A device that comes with a certificate in this name."""
        issued = (by or self.ours).issue(name, since)
        out = self.folder / f"out-{issued.serial}"
        authority.write(out, issued, name)
        (out / "ca.pem").write_bytes(self.ours.ca.read_bytes())  # whose broker it is, is not in question here
        return self.again(out, name, username)

    def again(self, out: Path, name: str, username: str = "") -> Peer:
        peer = self.room.peer(username, "whatever")
        peer.show(out, name)
        return peer

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text()

    async def turned_away(self, peer: Peer) -> bool:
        """Whether the broker ended it before any welcome; the log says why."""
        refused = self.log().count("certificate verify failed")
        try:
            await peer.sign_in()
        except (OSError, TimeoutError):
            await eventually(lambda: self.log().count("certificate verify failed") > refused)
            return peer.connected is None
        return False


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    open_authority(tmp_path / "authority", NOW)
    room = Room(await mosquitto.start(tmp_path))
    bridge = await room.bridge()
    assert await bridge.subscribe("careloop/v1/+/readings") == "Granted QoS 1"
    yield Clinic(room, tmp_path, bridge)
    for peer in room.peers:
        peer.leave()
    await room.broker.stop()


async def test_a_device_is_whom_its_certificate_names_and_speaks_under_its_own_id_only(clinic: Clinic) -> None:
    for name in (DEVICE, OTHER):
        await clinic.room.security.grant(name, None)
    device = clinic.shows(DEVICE, username=OTHER)  # what it says of itself does not count
    assert await device.sign_in() == "Success"
    assert await device.publish(READINGS, MARK) == "Success"
    await eventually(lambda: clinic.bridge.received == [(READINGS, MARK)])
    assert await device.subscribe(f"careloop/v1/{OTHER}/receipts") == "Not authorized"
    assert await device.publish(f"careloop/v1/{OTHER}/readings", MARK) != "Success"
    assert clinic.bridge.received == [(READINGS, MARK)]


async def test_without_a_password_the_other_door_stays_shut(clinic: Clinic) -> None:
    await clinic.room.security.grant(DEVICE, None)
    for password in ("", "whatever"):
        assert await clinic.room.peer(DEVICE, password).sign_in() != "Success"


async def test_a_revoked_certificate_is_turned_away_and_others_are_not(clinic: Clinic) -> None:
    await clinic.room.security.grant(DEVICE, None)
    issued = clinic.ours.issue(DEVICE, NOW)
    authority.write(clinic.folder / "out", issued, DEVICE)
    assert await clinic.again(clinic.folder / "out", DEVICE).sign_in() == "Success"
    for more in range(3):  # lists of one second must not hide each other
        clinic.ours.revoke([clinic.ours.issue(f"spare-{more}", NOW).serial], datetime.now(UTC))
    heard = clinic.log().count("Reloading config")
    clinic.ours.revoke([issued.serial], datetime.now(UTC))
    await eventually(lambda: clinic.log().count("Reloading config") > heard)
    assert await clinic.turned_away(clinic.again(clinic.folder / "out", DEVICE))
    assert await clinic.shows(DEVICE).sign_in() == "Success"
    assert clinic.bridge.received == []


async def test_a_certificate_of_another_authority_or_out_of_date_is_turned_away(clinic: Clinic, tmp_path: Path) -> None:
    await clinic.room.security.grant(DEVICE, None)
    assert await clinic.turned_away(clinic.shows(DEVICE, by=open_authority(tmp_path / "other", NOW)))
    assert await clinic.turned_away(clinic.shows(DEVICE, since=NOW - timedelta(days=800)))
    assert await clinic.turned_away(clinic.shows(DEVICE, since=NOW + timedelta(days=2)))


async def test_a_certificate_nobody_granted_anything_says_nothing(clinic: Clinic) -> None:
    stranger = clinic.shows("stranger")
    assert await stranger.sign_in() == "Success"  # known by its certificate, but without a role
    assert await stranger.publish("careloop/v1/stranger/readings", MARK) == "Not authorized"
    assert clinic.bridge.received == []


async def test_a_disabled_device_is_disconnected_and_its_good_certificate_gets_it_nowhere(clinic: Clinic) -> None:
    await clinic.room.security.grant(DEVICE, None)
    device = clinic.shows(DEVICE)
    assert await device.sign_in() == "Success"
    await clinic.room.security.disable(DEVICE)
    await eventually(lambda: device.lost)
    back = clinic.shows(DEVICE)
    await back.sign_in()
    assert await back.publish(READINGS, MARK) != "Success"
    assert clinic.bridge.received == []
    assert [one.disabled for one in await clinic.room.security.list() if one.device_id == DEVICE] == [True]
    await clinic.room.security.enable(DEVICE)
    again = clinic.shows(DEVICE)
    assert await again.sign_in() == "Success"
    assert await again.publish(READINGS, MARK) == "Success"


async def test_a_broker_without_an_authority_has_no_such_door(room: Room) -> None:
    assert room.broker.door is None
