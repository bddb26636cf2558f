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


PER_MS = 4096  # the 12 bits after the milliseconds count parts of one

_last = 0


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): 60 bits of time, 62 bits of chance; later ones of one process sort later."""
    return next(uuid7s(1))


def uuid7s(at_once: int = 256) -> Iterator[uuid.UUID]:
    """As many as are asked for, in ascending order; time and chance are drawn for so many at once."""
    global _last  # noqa: PLW0603 - one process, one order (RFC 9562, 6.2: each is at least one step after the last)
    while True:
        first = max(_last + 1, time.time_ns() * PER_MS // 1_000_000)
        _last = first + at_once - 1
        chance = os.urandom(8 * at_once)
        for number in range(at_once):
            moment, part = divmod(first + number, PER_MS)
            start = 8 * number
            head = bytes((0x70 | part >> 8, part & 0xFF, 0x80 | chance[start] & 0x3F))
            yield UUID(moment.to_bytes(6, "big") + head + chance[start + 1 : start + 8])
