"""Who may sign in to the broker, and what each may say there: kept by the broker's dynamic-security plugin.

The plugin of Mosquitto 2.0 knows no %u in its topics, so every device has a role of its own. Works with any
broker that has the plugin, given the address of a login that may use its control topic.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices import topics

CONTROL = "$CONTROL/dynamic-security/v1"
ANSWERS = f"{CONTROL}/response"
ANSWER_WITHIN_S = 10.0
DEVICE_ID = re.compile(r"(?!careloop_)[A-Za-z0-9_-]{1,64}")  # careloop_… are our own logins
ROLE_PREFIX = "careloop-device-"

SEND, RECEIVE = "publishClientSend", "publishClientReceive"
LITERAL, PATTERN = "subscribeLiteral", "subscribePattern"


class Refusal(Exception):
    """The broker would not, or could not be asked. `reason` names no password."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Acl(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "acltype"}):
    """One thing a role may do, as the plugin writes it."""

    kind: str
    topic: str
    allow: bool = True
    priority: int = 0


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A device the broker knows."""

    device_id: str
    disabled: bool


Devices = list[Granted]


class _Role(msgspec.Struct):
    rolename: str


class _Client(msgspec.Struct):
    username: str
    disabled: bool = False
    roles: list[_Role] = []


class _Data(msgspec.Struct):
    clients: list[_Client] = []


class Answer(msgspec.Struct, rename={"correlation": "correlationData"}):
    """What the plugin says to one command."""

    command: str
    correlation: str = ""
    error: str | None = None
    data: _Data = msgspec.field(default_factory=_Data)


class _Message(msgspec.Struct):
    responses: list[Answer]


Command = dict[str, Any]
Answers = list[Answer]


def device_acls(device_id: str) -> list[Acl]:
    """A device speaks and hears under its own id only, and writes no receipts."""
    said = (topics.topic(device_id, "readings"), topics.topic(device_id, "status"))
    heard = (topics.topic(device_id, "receipts"), topics.topic(device_id, "commands"))
    return [*_may(SEND, said), *_may(LITERAL, heard), *_may(RECEIVE, heard)]


def bridge_acls() -> list[Acl]:
    """The bridge hears every device, answers every device, and watches the broker's own counters."""
    heard = (topics.READINGS, topics.STATUS, "$SYS/#")
    shared = (f"$share/+/{topics.READINGS}", f"$share/+/{topics.STATUS}")
    said = (topics.topic("+", "receipts"), topics.topic("+", "commands"))
    return [*_may(SEND, said), *_may(PATTERN, (*heard, *shared)), *_may(RECEIVE, heard)]


def admin_acls() -> list[Acl]:
    """The login that manages the others; it does not hear readings."""
    return [*_may(SEND, (CONTROL,)), *_may(LITERAL, (ANSWERS,)), *_may(RECEIVE, (ANSWERS,))]


def _may(kind: str, names: Iterable[str]) -> Iterator[Acl]:
    return (Acl(kind=kind, topic=name) for name in names)


class DynamicSecurity:
    """Each method is one request on a connection of its own, so nothing lingers between them."""

    def __init__(self, url: str, *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._url = urlsplit(url)
        self._answer_within_s = answer_within_s

    async def grant(self, device_id: str, password: str | None) -> None:
        """Whatever was there before, the device may now sign in with this password. A session of it ends.

        Without a password only its certificate lets it in, whose common name is its id.
        """
        role = role_of(device_id)
        client = {"username": device_id, "roles": [{"rolename": role}]}
        client |= {"password": password} if password is not None else {}
        acls = msgspec.to_builtins(device_acls(device_id))
        await self._tell(
            {"command": "deleteClient", "username": device_id},
            {"command": "deleteRole", "rolename": role},
            {"command": "createRole", "rolename": role, "acls": acls},
            {"command": "createClient", **client},
            may_fail=2,
        )

    async def rotate(self, device_id: str, password: str) -> None:
        """From now on only the new password."""
        await self._tell({"command": "setClientPassword", "username": device_id, "password": password})

    async def disable(self, device_id: str) -> None:
        """The device is disconnected now, and neither a password nor a certificate gets it anywhere again.

        Mosquitto 2.0 lets a disabled login in that shows a certificate: so it loses its role as well.
        """
        no_role = {"command": "removeClientRole", "username": device_id, "rolename": role_of(device_id)}
        await self._tell(no_role, {"command": "disableClient", "username": device_id}, may_fail=1)

    async def enable(self, device_id: str) -> None:
        """The device may sign in again with the password or certificate it has."""
        role = {"username": device_id, "rolename": role_of(device_id)}
        await self._tell(
            {"command": "removeClientRole", **role},  # adding a role twice is an error
            {"command": "addClientRole", **role},
            {"command": "enableClient", "username": device_id},
            may_fail=1,
        )

    async def remove(self, device_id: str) -> None:
        """The broker forgets the device, connected or not, known or not."""
        forget_role = {"command": "deleteRole", "rolename": role_of(device_id)}
        await self._tell({"command": "deleteClient", "username": device_id}, forget_role, may_fail=2)

    async def list(self) -> Devices:
        """The devices the broker knows; other logins are left out."""
        answer = await self._tell({"command": "listClients", "verbose": True})
        return [
            Granted(device_id=client.username, disabled=client.disabled)
            for client in answer[0].data.clients
            if client.disabled or any(role.rolename == ROLE_PREFIX + client.username for role in client.roles)
        ]

    async def _tell(self, *commands: Command, may_fail: int = 0) -> Answers:
        """One request, carried out in order. Of the commands, the first `may_fail` may fail."""
        answers = await asyncio.to_thread(_Request(self._url, commands).ask, self._answer_within_s)
        for answer in answers[may_fail:]:
            if answer.error:
                raise Refusal(f"{answer.command}: {answer.error}")
        return answers


def role_of(device_id: str) -> str:
    """The name of a device's own role."""
    if not DEVICE_ID.fullmatch(device_id):  # a "+" here would be everybody's topic
        raise Refusal("A device's id is 1 to 64 letters, digits, - or _, and does not begin with careloop_.")
    return ROLE_PREFIX + device_id


class _Request:
    """One connection: sign in, listen for answers, send the commands, wait for the answer to each."""

    def __init__(self, url: SplitResult, commands: Sequence[Command]) -> None:
        token = secrets.token_hex(8)
        self._url = url
        self._commands = [{**command, "correlationData": f"{token}:{i}"} for i, command in enumerate(commands)]
        self._answers: dict[str, Answer] = {}
        self._refused: str | None = None
        self._client = self._new_client()

    def ask(self, within_s: float) -> Answers:
        """Blocks. The answers in the order of the commands."""
        deadline = time.monotonic() + within_s
        try:
            self._connect()
            while len(self._answers) < len(self._commands):
                self._turn(deadline)
        finally:
            self._client.disconnect()
        return [self._answers[command["correlationData"]] for command in self._commands]

    def _turn(self, deadline: float) -> None:
        alive = self._client.loop(0.2) == MQTTErrorCode.MQTT_ERR_SUCCESS
        if self._refused:
            raise Refusal(self._refused)
        if not alive:
            raise Refusal("The broker closed the connection.")
        if time.monotonic() > deadline:
            raise Refusal("The broker did not answer. Does it have the dynamic-security plugin?")

    def _new_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        if self._url.username:
            client.username_pw_set(unquote(self._url.username), unquote(self._url.password or ""))
        if self._url.scheme == "mqtts":
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _connect(self) -> None:
        port = self._url.port or (8883 if self._url.scheme == "mqtts" else 1883)
        try:
            self._client.connect(self._url.hostname or "127.0.0.1", port)
        except OSError as error:
            raise Refusal(f"No broker answers at port {port} ({error.strerror or 'no answer'}).") from None

    def _on_connect(
        self, client: paho.Client, _u: object, _f: paho.ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        if code.is_failure:
            self._refused = f"The broker refused the sign-in: {code}."
        else:
            client.subscribe(ANSWERS, qos=1)

    def _on_subscribe(
        self, client: paho.Client, _u: object, _m: int, codes: list[ReasonCode], _p: Properties | None
    ) -> None:
        if codes[0].is_failure:
            self._refused = "This login may not manage devices on the broker."
        else:
            client.publish(CONTROL, msgspec.json.encode({"commands": self._commands}), qos=1)

    def _on_message(self, _c: paho.Client, _u: object, message: paho.MQTTMessage) -> None:
        """Others' answers come by here too: ours carry our token."""
        ours = {command["correlationData"] for command in self._commands}
        answers = msgspec.json.decode(message.payload, type=_Message).responses
        self._answers.update((answer.correlation, answer) for answer in answers if answer.correlation in ours)
