"""The topics of the MQTT contract, version 1."""

import re
from functools import lru_cache
from typing import Literal

import msgspec

Kind = Literal["readings", "receipts", "status", "commands"]

READINGS = "careloop/v1/+/readings"
STATUS = "careloop/v1/+/status"
DROPPED = "$SYS/broker/publish/messages/dropped"  # Mosquitto's count of messages it could not keep

_TOPIC = re.compile(r"careloop/v1/([A-Za-z0-9_-]{1,64})/(readings|receipts|status|commands)\Z")


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic taken apart: who speaks (or is spoken to), and about what."""

    sender: str
    kind: str


def parse(topic: str) -> Topic | None:
    """None for a topic that is not ours."""
    match = _TOPIC.match(topic)
    return Topic(sender=match[1], kind=match[2]) if match else None


@lru_cache(maxsize=65_536)
def read(topic: bytes) -> Topic | None:
    """As it comes from the broker; remembered, since a few thousand senders say the same all day."""
    return parse(topic.decode("utf-8", "replace"))


def topic(sender: str, kind: Kind) -> str:
    """The topic of one sender."""
    return f"careloop/v1/{sender}/{kind}"
