"""A broker, and real MQTT clients that a test lets in."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.credentials import DynamicSecurity
from server.ops.embedded.mosquitto import RunningMosquitto

DEVICE, OTHER = "cuff-1", "cuff-2"
PASSWORD = "a device's password: with @ and /"


class Peer:
    """A real MQTT 5 client whose every wait has a deadline."""

    def __init__(self, broker: RunningMosquitto, username: str, password: str, client_id: str = "") -> None:
        self.received: list[tuple[str, bytes]] = []
        self.connected: ReasonCode | None = None
        self.lost = False
        self._answers: dict[int, ReasonCode] = {}
        self._broker, self._client_id = broker, client_id
        self._port = broker.port
        self._client = self._new_client(username, password)

    def _new_client(self, username: str, password: str) -> paho.Client:
        version = MQTTProtocolVersion.MQTTv5
        client = paho.Client(CallbackAPIVersion.VERSION2, self._client_id, protocol=version, reconnect_on_failure=False)
        client.max_inflight_messages_set(1000)
        client.username_pw_set(username, password)
        client.on_connect = lambda _c, _u, _f, code, _p: setattr(self, "connected", code)
        client.on_disconnect = lambda *_: setattr(self, "lost", True)
        client.on_message = lambda _c, _u, message: self.received.append((message.topic, bytes(message.payload)))
        client.on_publish = lambda _c, _u, mid, code, _p: self._answers.update({mid: code})
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._answers.update({mid: codes[0]})
        return client

    async def sign_in(self) -> str:
        """The broker's answer, such as "Success"."""
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600 if self._client_id else 0
        clean = not self._client_id
        self._client.connect(self._broker.host, self._port, clean_start=clean, properties=session)
        self._client.loop_start()
        await eventually(lambda: self.connected is not None)
        return str(self.connected)

    def show(self, folder: Path, name: str) -> None:
        """Come in by the door for certificates, with what `careloop device add --tls` wrote."""
        assert self._broker.door
        self._port = self._broker.door.port
        self._client.tls_set(str(folder / "ca.pem"), str(folder / f"{name}.pem"), str(folder / f"{name}.key"))

    def will(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.will_set(topic, payload, qos=1, retain=retain)

    def vanish(self) -> None:
        """As when the power goes: no goodbye, so the broker speaks the will."""
        sock = self._client.socket()
        assert sock
        sock.close()
        self._client.loop_stop()

    async def publish(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> str:
        return await self._answered(self._client.publish(topic, payload, qos=1, retain=retain).mid)

    async def subscribe(self, topic: str) -> str:
        _, mid = self._client.subscribe(topic, options=SubscribeOptions(qos=1))
        assert mid is not None
        return await self._answered(mid)

    async def publish_all(self, topic: str, payloads: list[bytes]) -> None:
        """Return once the broker has acknowledged every one."""
        mids = [self._client.publish(topic, payload, qos=1).mid for payload in payloads]
        await eventually(lambda: all(mid in self._answers for mid in mids), 20)

    async def _answered(self, mid: int) -> str:
        await eventually(lambda: mid in self._answers or self.lost)
        return str(self._answers.pop(mid, "Disconnected"))

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def eventually(condition: Callable[[], bool], within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


class Room:
    """The broker and the peers a test lets in; all have left when it ends."""

    def __init__(self, broker: RunningMosquitto) -> None:
        self.broker = broker
        self.security = DynamicSecurity(broker.url_admin)
        self.peers: list[Peer] = []

    def peer(self, username: str, password: str, client_id: str = "") -> Peer:
        peer = Peer(self.broker, username, password, client_id)
        self.peers.append(peer)
        return peer

    async def device(self, device_id: str = DEVICE) -> Peer:
        await self.security.grant(device_id, PASSWORD)
        peer = self.peer(device_id, PASSWORD)
        assert await peer.sign_in() == "Success"
        return peer

    async def bridge(self, client_id: str = "") -> Peer:
        login = urlsplit(self.broker.url_bridge)
        peer = self.peer(login.username or "", login.password or "", client_id)
        assert await peer.sign_in() == "Success"
        return peer
