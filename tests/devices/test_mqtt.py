"""The session with the broker: what is delivered before the subscription is confirmed still gets its receipt."""

import asyncio
from typing import Any

from paho.mqtt.client import ConnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from devices.mqtt import Broker, Session


async def test_receipts_can_leave_as_soon_as_the_broker_accepted_us() -> None:
    session = Session(Broker(host="127.0.0.1", port=1), "test", ("a",), lambda *_: None)
    connection = session._connection(asyncio.Event())
    asked: list[Any] = []
    connection.client.subscribe = asked.append  # type: ignore[assignment, method-assign]
    connection.publish = asked.extend  # type: ignore[method-assign]
    assert not session.publish([("a", b"lost: nobody accepted us yet")])
    accepted = ReasonCode(PacketTypes.CONNACK, "Success")
    connection.client.on_connect(connection.client, None, ConnectFlags(session_present=True), accepted, None)  # type: ignore[misc, arg-type]
    await asyncio.sleep(0)
    assert session.publish([("a", b"receipt")])
    assert not session.connected.is_set(), "listening is another thing: the subscription is not confirmed yet"
    assert asked[1:] == [("a", b"receipt")]


async def test_a_broker_that_hangs_up_while_we_connect_is_tried_again() -> None:
    """Paho closes the socket then and raises nothing; the bridge must not end of it."""
    said: list[str] = []
    session = Session(Broker(host="127.0.0.1", port=1), "test", ("a",), lambda event, _: said.append(event))
    session._connect = lambda _: None  # type: ignore[method-assign]
    assert not await session._one_connection(asyncio.Event())
    assert said == ["broker_away"]
