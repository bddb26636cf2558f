"""How far a device's clock is off: its skew, server minus device, as the least lag that was seen.

A lag is the time of receipt minus what the device's clock said. It is the skew plus the delay on the way, and a delay
is never negative: so every lag bounds the skew from above, and the least is the best estimate. A delay can make a
clock look slow, never fast. A reading may have lain in a hub for hours, so from readings alone only a fast clock is
known; a slow one is known from its own word in a status message, which is sent as it is said.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from devices.decoded import DecodedReading
from devices.quality import NONE, TRUSTED, told_at

Basis = Literal["status", "reading"]

# Settings of 2026-11-22: enough that slow deliveries do not count, and soon enough forgotten when a person has set the
# clock to another wrong time (a right one is believed at once). What is older counts while fewer than three are newer:
# after a quiet month one status that waited for us must not make a clock slow.
WINDOW = timedelta(days=7)
LAGS_AT_MOST = 16
LAGS_AT_LEAST = 3
# Setting of 2026-11-22: gateways ask their devices every few minutes, so a delay of this much may hide an error of
# this much; a larger one that is gone was corrected.
USUAL_DELAY = timedelta(minutes=15)


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison of a device's clock with ours. `basis` is where the device told its time."""

    device_id: str
    lag: timedelta
    basis: Basis


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A skew that staff should hear of: more than two minutes from the one they were told last (zero at first)."""

    device_id: str
    organization_id: uuid.UUID
    before: timedelta
    skew: timedelta

    @property
    def right(self) -> bool:
        return abs(self.skew) <= TRUSTED


def of_reading(
    device: str, reading: DecodedReading, zone: ZoneInfo | None, received_at: datetime, skew: timedelta | None
) -> Observation | None:
    """What a reading says of its device's clock beyond the `skew` we know; None when that is nothing.

    Only a new reading counts, not one of a backlog or a repetition. News is a time from the future, one later than
    the known skew allows, or one that agrees with ours while we thought otherwise. `zone` is the patient's; without
    one a wall clock's time says nothing.
    """
    told = reading.measured_at
    if told is None or reading.backlog or "time_approximate" in reading.flags or (told.tzinfo is None and zone is None):
        return None
    known = skew or NONE
    at = told_at(told, zone or ZoneInfo("UTC"), received_at, known)
    if at is None:
        return None
    lag = received_at - at
    news = lag < -TRUSTED or lag < known - TRUSTED or abs(lag) <= TRUSTED < abs(known)
    return Observation(device_id=device, lag=lag, basis="reading") if news else None


def of_status(clock: datetime, zone: ZoneInfo | None, received_at: datetime) -> timedelta | None:
    """The lag of the clock a device told; a wall clock's is None without its zone, and in doubt the nearest to ours."""
    if clock.tzinfo is not None:
        return received_at - clock
    if zone is None:
        return None
    lags = [received_at - clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(lags, key=abs)


class Lag(msgspec.Struct, frozen=True, array_like=True):
    """A lag, and when it was seen."""

    lag: timedelta
    seen_at: datetime


def remembered(lags: Sequence[Lag], now: datetime) -> list[Lag]:
    """Those that count, in the order they were seen: the last 16, of at most 7 days once there are three such.

    Errors from before the clock was last seen right are forgotten. A clock that agrees with ours within two minutes
    was set: only a delay of just the old error could look the same.
    """
    last = lags[-LAGS_AT_MOST:]
    recent = [lag for lag in last if now - lag.seen_at <= WINDOW]
    kept = recent if len(recent) >= LAGS_AT_LEAST else last
    right = max((n for n, lag in enumerate(kept) if abs(lag.lag) <= TRUSTED), default=0)
    return [lag for n, lag in enumerate(kept) if n >= right or abs(lag.lag) <= USUAL_DELAY]


def estimate(lags: Iterable[Lag]) -> timedelta:
    """The skew: the least lag. There must be one."""
    return min(lag.lag for lag in lags)


# Locks each device's row, in order, and answers what is known of it; nothing for a device nobody registered.
OPEN = """
    INSERT INTO device_clock AS c (device_id, organization_id, observed_at)
    SELECT d.id, d.organization_id, $2 FROM device d WHERE d.id = ANY($1) AND d.disabled_at IS NULL
     ORDER BY d.id
    ON CONFLICT (device_id) DO UPDATE SET observed_at = greatest(c.observed_at, excluded.observed_at)
    RETURNING device_id, organization_id, told_seconds, lags
"""
KEEP = """
    UPDATE device_clock c SET skew_seconds = n.skew, told_seconds = n.told, basis = n.basis, lags = n.lags::jsonb
      FROM unnest($1::text[], $2::double precision[], $3::double precision[], $4::text[], $5::text[])
        AS n (device_id, skew, told, basis, lags)
     WHERE c.device_id = n.device_id
"""


async def observe(db: Any, observations: Sequence[Observation], now: datetime) -> list[Shift]:
    """Take them in, and answer the devices whose skew is not what staff were told; each shift is answered once."""
    if not observations:
        return []
    by_device: dict[str, list[Observation]] = {}
    for one in observations:
        by_device.setdefault(one.device_id, []).append(one)
    rows, shifts = [], []
    for known in await db.fetch(OPEN, sorted(by_device), now):
        row, shift = _taken_in(known, by_device[known["device_id"]], now)
        rows.append(row)
        shifts += [shift] if shift else []
    if rows:
        await db.execute(KEEP, *map(list, zip(*rows, strict=True)))
    return shifts


def _taken_in(
    known: Mapping[str, Any], new: Sequence[Observation], now: datetime
) -> tuple[tuple[object, ...], Shift | None]:
    before = msgspec.convert(known["lags"], list[Lag])
    lags = remembered([*before, *(Lag(one.lag, now) for one in new)], now)
    skew, told = estimate(lags), timedelta(seconds=known["told_seconds"])
    shift = None
    if abs(skew - told) > TRUSTED:
        shift = Shift(device_id=known["device_id"], organization_id=known["organization_id"], before=told, skew=skew)
        told = NONE if shift.right else skew
    kept = msgspec.json.encode(lags).decode()
    return (known["device_id"], skew.total_seconds(), told.total_seconds(), new[-1].basis, kept), shift


ZONES = """
    SELECT l.device_id, min(p.zone) AS zone
      FROM loan l JOIN patient p ON p.id = l.patient_id
     WHERE l.device_id = ANY($1) AND l.lent @> $2::timestamptz
     GROUP BY l.device_id HAVING count(DISTINCT p.zone) = 1
"""


async def zones(db: Any, ids: Iterable[str], now: datetime) -> dict[str, ZoneInfo]:
    """Where each device is now, by the patients who have it; none for one on loan to nobody, or in two zones."""
    records = await db.fetch(ZONES, sorted(set(ids)), now)
    return {record["device_id"]: ZoneInfo(record["zone"]) for record in records}
