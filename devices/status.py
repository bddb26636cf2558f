"""A device's word about itself: whether it is there, its battery, its firmware, and what its clock says."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from devices.formats.native import UNREADABLE, YEARS

LONGEST_FIRMWARE = 64
LONGEST_CLOCK = 40


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a status message. Its last will says `online: false`; `battery` is in percent."""

    online: bool = True
    battery: float | None = None
    firmware: str | None = None
    clock: str | None = None

    @property
    def battery_pct(self) -> Decimal | None:
        """None for what no battery can hold."""
        known = self.battery is not None and 0 <= self.battery <= 100
        return Decimal(repr(self.battery)) if known else None

    @property
    def firmware_named(self) -> str | None:
        """None for what is no name; PostgreSQL's text holds no NUL."""
        known = self.firmware is not None and len(self.firmware) <= LONGEST_FIRMWARE and self.firmware.isprintable()
        return self.firmware if known else None

    @property
    def clock_says(self) -> datetime | None:
        """Its clock's time, with or without an offset; None when it told none, or none that can be read."""
        if self.clock is None or len(self.clock) > LONGEST_CLOCK:
            return None
        try:
            said = datetime.fromisoformat(self.clock)
        except ValueError:
            return None
        return said if said.year in YEARS else None


_status = msgspec.json.Decoder(Status)


def read(payload: bytes) -> Status | None:
    """What a status message says; None when it cannot be read."""
    try:
        return _status.decode(payload)
    except UNREADABLE:
        return None


# Rows are locked in order: two batches that share devices must not deadlock.
STATUS = """
    WITH told AS (
        SELECT s.device_id, n.online, n.battery, n.firmware
          FROM unnest($1::text[], $2::boolean[], $3::numeric[], $4::text[]) AS n (device_id, online, battery, firmware)
          JOIN device_state s USING (device_id)
         ORDER BY s.device_id FOR UPDATE OF s)
    UPDATE device_state s
       SET online = t.online, battery_pct = coalesce(t.battery, s.battery_pct),
           firmware = coalesce(t.firmware, s.firmware),
           last_seen_at = CASE WHEN t.online THEN greatest(s.last_seen_at, $5) ELSE s.last_seen_at END
      FROM told t WHERE s.device_id = t.device_id
"""


async def tell_all(db: Any, told: Sequence[tuple[str, Status]], now: datetime) -> None:
    """Keep the last word of each device, in the order they were said; one that nobody registered changes nothing."""
    last: dict[str, tuple[bool, Decimal | None, str | None]] = {}
    for device, said in told:
        _, battery, firmware = last.get(device, (True, None, None))
        charged = battery if said.battery_pct is None else said.battery_pct
        last[device] = (said.online, charged, said.firmware_named or firmware)
    if last:
        rows = [(device, *words) for device, words in sorted(last.items())]
        await db.execute(STATUS, *map(list, zip(*rows, strict=True)), now)
