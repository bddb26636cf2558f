"""One reading sent as a device sends it, on a connection of its own, and when the broker and the server answered."""

import hashlib
import ssl
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from sending to the broker's acknowledgement and to our receipt; None is an answer that never came.

    `refused`: the broker did not let the device in.
    """

    broker_ms: int | None = None
    receipt_ms: int | None = None
    refused: bool = False


class _Receipt(msgspec.Struct):
    hash: str | None = None
    fate: Literal["stored", "held", "quarantined"] | None = None


class Probe:
    """Connects, listens for receipts, sends one entry without a number, and waits for what answers it."""

    def __init__(self, device: str, password: str, payload: bytes) -> None:
        self._device, self._payload = device, payload
        self._hash = hashlib.sha256(payload).hexdigest()
        self._sent_at: float | None = None
        self._broker_ms: int | None = None
        self._receipt_ms: int | None = None
        self._refused = False
        # A new session each time: a receipt that comes after we gave up is nobody's.
        self._client = Client(CallbackAPIVersion.VERSION2, f"{device}-probe", protocol=MQTTv5)
        self._client.username_pw_set(device, password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def run(self, host: str, port: int, within_s: float, give_up: Callable[[], bool], *, tls: bool = False) -> Answered:
        """Blocks until the receipt is there, for so many seconds at most; a broker that is away answers nothing."""
        if tls:
            self._client.tls_set_context(ssl.create_default_context())
        deadline = time.monotonic() + within_s
        try:
            self._client.connect_timeout = min(5.0, within_s)
            self._client.connect(host, port)
            while not (self._receipt_ms is not None or self._refused or give_up()) and time.monotonic() < deadline:
                if self._client.loop(0.05) != 0:
                    break
        except (OSError, ValueError):
            pass
        finally:
            self._client.disconnect()
        return Answered(broker_ms=self._broker_ms, receipt_ms=self._receipt_ms, refused=self._refused)

    def _on_connect(self, client: Client, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._refused = True
        else:
            client.subscribe(topics.topic(self._device, "receipts"), qos=1)

    def _on_subscribe(self, client: Client, _u: Any, _m: Any, codes: Any, _p: Any) -> None:
        if any(code.is_failure for code in codes):
            self._refused = True
            return
        self._sent_at = time.monotonic()
        client.publish(topics.topic(self._device, "readings"), self._payload, qos=1)

    def _on_publish(self, _c: Client, _u: Any, _m: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._refused = True
        else:
            self._broker_ms = self._since()

    def _on_message(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        try:
            receipt = msgspec.json.decode(message.payload, type=_Receipt)
        except msgspec.DecodeError:
            return
        if receipt.hash == self._hash:
            self._receipt_ms = self._since()

    def _since(self) -> int:
        return int((time.monotonic() - (self._sent_at or 0)) * 1000)
