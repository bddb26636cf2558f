"""Who may say what to the broker, and who is shown the door."""

import asyncio
from urllib.parse import urlsplit

import pytest

from devices.credentials import DynamicSecurity, Granted, Refusal
from tests.ops.room import DEVICE, OTHER, PASSWORD, Room, eventually

DENIED = {"Not authorized", "Disconnected"}  # Mosquitto 2.0.11 may throw out whom it denies $CONTROL
BAD_LOGIN = {"Not authorized", "Bad user name or password"}


@pytest.mark.parametrize(
    "topic",
    [
        f"careloop/v1/{OTHER}/readings",
        f"careloop/v1/{OTHER}/status",
        f"careloop/v1/{DEVICE}/receipts",
        f"careloop/v1/{DEVICE}/commands",
        f"careloop/v1/{DEVICE}/readings/more",
        "careloop/v1/%u/readings",
        "$CONTROL/dynamic-security/v1",
    ],
)
async def test_a_device_cannot_publish_elsewhere(room: Room, topic: str) -> None:
    device = await room.device()
    assert await device.publish(topic) in DENIED


@pytest.mark.parametrize(
    "topic",
    [
        f"careloop/v1/{OTHER}/receipts",
        f"careloop/v1/{OTHER}/readings",
        f"careloop/v1/{DEVICE}/readings",
        f"careloop/v1/{DEVICE}/+",
        "careloop/v1/+/receipts",
        f"$share/group/careloop/v1/{OTHER}/receipts",
        "$SYS/#",
        "#",
    ],
)
async def test_a_device_cannot_listen_elsewhere(room: Room, topic: str) -> None:
    device = await room.device()
    assert await device.subscribe(topic) == "Not authorized"


async def test_the_bridge_may_share_its_subscription_and_watch_the_broker(room: Room) -> None:
    bridge = await room.bridge()
    for topic in ("$share/bridge/careloop/v1/+/readings", "careloop/v1/+/status", "$SYS/broker/#"):
        assert await bridge.subscribe(topic) == "Granted QoS 1"
    for topic in (f"careloop/v1/{DEVICE}/readings", "$CONTROL/dynamic-security/v1"):
        assert await bridge.publish(topic) in DENIED


async def test_who_has_no_login_or_a_wrong_one_stays_out(room: Room) -> None:
    await room.security.grant(DEVICE, PASSWORD)
    assert await room.peer("", "").sign_in() in BAD_LOGIN
    assert await room.peer(DEVICE, "guess").sign_in() in BAD_LOGIN
    assert await room.peer("stranger", PASSWORD).sign_in() in BAD_LOGIN


async def test_a_disabled_device_is_disconnected_until_it_is_enabled(room: Room) -> None:
    device = await room.device()
    await room.security.disable(DEVICE)
    await eventually(lambda: device.lost)
    assert Granted(device_id=DEVICE, disabled=True) in await room.security.list()
    assert await room.peer(DEVICE, PASSWORD).sign_in() in BAD_LOGIN
    await room.security.enable(DEVICE)
    assert await room.peer(DEVICE, PASSWORD).sign_in() == "Success"


async def test_after_rotation_only_the_new_password_works(room: Room) -> None:
    device = await room.device()
    await room.security.rotate(DEVICE, "new password")
    await eventually(lambda: device.lost)
    assert await room.peer(DEVICE, PASSWORD).sign_in() in BAD_LOGIN
    assert await room.peer(DEVICE, "new password").sign_in() == "Success"


async def test_a_removed_device_is_forgotten_and_removing_it_again_is_harmless(room: Room) -> None:
    device = await room.device("cuff-3")
    await room.security.remove("cuff-3")
    await eventually(lambda: device.lost)
    await room.security.remove("cuff-3")
    assert "cuff-3" not in [one.device_id for one in await room.security.list()]


async def test_granting_at_the_same_time_mixes_nothing_up(room: Room) -> None:
    ids = [f"hub-{number}" for number in range(10)]
    await asyncio.gather(*(room.security.grant(one, f"password of {one}") for one in ids))
    assert set(ids) <= {one.device_id for one in await room.security.list()}
    assert await room.peer("hub-7", "password of hub-7").sign_in() == "Success"


@pytest.mark.parametrize("device_id", ["", "+", "a/b", "#", "ä", "x" * 65, "a\n", "careloop_admin"])
async def test_an_id_that_could_be_somebody_elses_topic_is_refused(device_id: str) -> None:
    with pytest.raises(Refusal, match="1 to 64 letters"):
        await DynamicSecurity("mqtt://127.0.0.1:1").grant(device_id, PASSWORD)


async def test_why_a_broker_refuses_is_said_without_the_password(room: Room) -> None:
    admin = room.broker.url_admin
    cases = {
        admin.replace("careloop_admin:", "careloop_admin:not"): "refused the sign-in",
        room.broker.url_bridge: "may not manage devices",
        "mqtt://admin:secret@127.0.0.1:1": "No broker answers at port 1",
    }
    for url, says in cases.items():
        with pytest.raises(Refusal, match=says) as refusal:
            await DynamicSecurity(url).list()
        assert (urlsplit(url).password or "-") not in refusal.value.reason
    with pytest.raises(Refusal, match="not found"):
        await room.security.rotate("never-seen", PASSWORD)


async def test_a_device_that_borrows_the_bridges_client_id_gets_none_of_its_queue(room: Room) -> None:
    away = await room.bridge("careloop-bridge-stolen")
    await away.subscribe("careloop/v1/+/readings")
    away.leave()
    device = await room.device(OTHER)
    await device.publish(f"careloop/v1/{OTHER}/readings", b"secret")
    await room.security.grant(DEVICE, PASSWORD)
    thief = room.peer(DEVICE, PASSWORD, "careloop-bridge-stolen")
    assert await thief.sign_in() == "Success"
    await device.publish(f"careloop/v1/{OTHER}/readings", b"secret too")
    await thief.publish(f"careloop/v1/{DEVICE}/status")  # answered after anything that was queued
    assert thief.received == []
