"""Identifiers: UUIDv7 made here, so rows sort by the moment they were made and need no round trip."""

import os
import time
import uuid
from typing import NewType

OrganizationId = NewType("OrganizationId", uuid.UUID)
PatientId = NewType("PatientId", uuid.UUID)
StaffId = NewType("StaffId", uuid.UUID)
AlertId = NewType("AlertId", uuid.UUID)
ReadingId = NewType("ReadingId", uuid.UUID)
MessageId = NewType("MessageId", uuid.UUID)
GapId = NewType("GapId", uuid.UUID)


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 bits of chance."""
    milliseconds = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10), "big")
    high = (milliseconds << 16) | 0x7000 | (chance >> 68) & 0x0FFF
    low = 0x8000_0000_0000_0000 | chance & 0x3FFF_FFFF_FFFF_FFFF
    return uuid.UUID(int=(high << 64) | low)
