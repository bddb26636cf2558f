"""What may be believed of a reading before it is stored: its time, its plausibility, its age. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from devices.decoded import ClockBasis, DecodedReading
from devices.units import BY_COLUMN

Age = Literal["live", "late", "historic"]

LIVE: dict[str, timedelta] = {"weight": timedelta(hours=24)}
LIVE_OTHERS = timedelta(minutes=30)
LATE = timedelta(hours=24)
AHEAD_AT_MOST = timedelta(days=1)
CLOCK_NEVER_SET = datetime(2015, 1, 1, tzinfo=UTC)  # before any device we serve was made: its clock was never set


class Clocked(msgspec.Struct, frozen=True, kw_only=True):
    """When it was measured, as far as we know, and on whose word."""

    measured_at: datetime
    basis: ClockBasis
    ahead: bool


def clock(reading: DecodedReading, zone: ZoneInfo, received_at: datetime) -> Clocked:
    """The device's own time when it can be believed, else the time of receipt.

    A time without offset is the patient's wall clock. A clock that was never set (1970, 2000) counts as none.
    `ahead` marks a time more than a day in the future: no month is ready for it, so a person decides.
    """
    told = reading.measured_at
    if told is not None and told.tzinfo is None:
        told = told.replace(tzinfo=zone)
    if told is None or told < CLOCK_NEVER_SET:
        return Clocked(measured_at=received_at, basis="received", ahead=False)
    ahead = told > received_at + AHEAD_AT_MOST
    return Clocked(measured_at=told.astimezone(UTC), basis="device", ahead=ahead)


def age(kind: str, measured_at: datetime, now: datetime) -> Age:
    """Live up to 30 minutes (weight: a day), late up to a day, historic after."""
    since = now - measured_at
    if since <= LIVE.get(kind, LIVE_OTHERS):
        return "live"
    return "late" if since <= LATE else "historic"


def implausible(reading: DecodedReading) -> bool:
    """True when a number lies outside what a body and a device can show, or systolic is not above diastolic."""
    for column, value in reading.values.items():
        metric = BY_COLUMN[column]
        if not metric.low <= value <= metric.high:
            return True
    systolic, diastolic = reading.values.get("systolic_mmhg"), reading.values.get("diastolic_mmhg")
    return systolic is not None and diastolic is not None and systolic <= diastolic
