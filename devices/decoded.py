"""What a decoder makes of one entry: a reading in canonical units, or the reason why it cannot be one."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

OutOfRange = Literal["above", "below"]
ClockBasis = Literal["device", "corrected", "received"]


class DecodedReading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reading as its sender meant it. `values` is keyed by column (`systolic_mmhg` …), canonical units.

    `measured_at` is None when the sender has no clock; `measured_at_raw` is what it wrote. `out_of_range` is a
    meter's HI or LO: a reading without a number.
    """

    kind: str
    values: dict[str, Decimal]
    measured_at: datetime | None = None
    measured_at_raw: str | None = None
    utc_offset_minutes: int | None = None
    seq: int | None = None
    epoch: int = 0
    source: str | None = None
    backlog: bool = False
    user_slot: int | None = None
    context: str | None = None
    out_of_range: OutOfRange | None = None
    flags: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry that can never become a reading. `reason` is one of few names; `seq` if it could be read."""

    reason: str
    seq: int | None = None
    epoch: int = 0


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a message: its own bytes, and what was made of them."""

    raw: bytes
    decoded: DecodedReading | Refused
