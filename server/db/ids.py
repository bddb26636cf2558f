"""Identifiers: UUIDv7 made here, so rows sort by the moment they were made and need no round trip."""

import os
import time
import uuid
from collections.abc import Iterator
from typing import NewType

from asyncpg.pgproto.pgproto import UUID

OrganizationId = NewType("OrganizationId", uuid.UUID)
PatientId = NewType("PatientId", uuid.UUID)
StaffId = NewType("StaffId", uuid.UUID)
AlertId = NewType("AlertId", uuid.UUID)
ReadingId = NewType("ReadingId", uuid.UUID)
MessageId = NewType("MessageId", uuid.UUID)
GapId = NewType("GapId", uuid.UUID)


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 bits of chance."""
    return next(uuid7s(1))


def uuid7s(at_once: int = 256) -> Iterator[uuid.UUID]:
    """As many as are asked for, in no order among themselves; chance is drawn for so many at once."""
    while True:
        moment = (time.time_ns() // 1_000_000).to_bytes(6, "big")
        chance = os.urandom(10 * at_once)
        for start in range(0, 10 * at_once, 10):
            version, middle, variant = 0x70 | chance[start] & 0x0F, chance[start + 1], 0x80 | chance[start + 2] & 0x3F
            yield UUID(moment + bytes((version, middle, variant)) + chance[start + 3 : start + 10])
