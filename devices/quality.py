"""What may be believed of a reading before it is stored: its time, its plausibility, its age. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from devices.decoded import ClockBasis, DecodedReading
from devices.meanings import possible_body, swapped

Age = Literal["live", "late", "historic"]
Values = Mapping[str, Decimal]  # by column, canonical units

# Settings of 2026-11-22, for clinical sign-off. Live is what a nurse can still act on as it happens; people weigh
# themselves once a day, so a weight stays news for a day. After a day a number is history: nobody is paged for it.
LIVE: dict[str, timedelta] = {"weight": timedelta(hours=24)}
LIVE_OTHERS = timedelta(minutes=30)
LATE = timedelta(hours=24)
# Setting of 2026-11-22: clocks at home are set by hand to the minute and messages take seconds, so an error of two
# minutes is no error; it is also far below the shortest time any rule looks at.
TRUSTED = timedelta(minutes=2)
AHEAD_AT_MOST = timedelta(days=1)
CLOCK_NEVER_SET = datetime(2015, 1, 1, tzinfo=UTC)  # before any device we serve was made: its clock was never set
NONE = timedelta()


class Clocked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When it was measured, as far as we know, and on whose word.

    `basis`: "device" as told, "corrected" by what we know of the clock, "received" when the clock cannot be believed.
    `ahead`: more than a day in the future, even corrected; a person decides.
    """

    measured_at: datetime
    basis: ClockBasis
    ahead: bool
    flags: tuple[str, ...] = ()


def clock(reading: DecodedReading, zone: ZoneInfo, received_at: datetime, skew: timedelta | None = None) -> Clocked:
    """The device's time, corrected by its clock's known skew (server minus device), else the time of receipt.

    `zone` is the patient's. Flags: `clock_corrected`, and `clock_ahead` for a future that no known skew explains.
    A skew is of the clock as it is today, so it is not applied to what contradicts it: a live reading that agrees
    with our clock, a backlog's entry that would land in the future, a time that is only a date.
    """
    said = reading.measured_at
    if skew is None and said is not None and said.tzinfo is not None:  # nearly all: nothing to find out
        at = said.astimezone(UTC)
        if CLOCK_NEVER_SET <= at <= received_at + TRUSTED:
            return Clocked(measured_at=at, basis="device", ahead=False)
    if skew is None or abs(skew) <= TRUSTED or "time_approximate" in reading.flags:
        skew = NONE
    told = told_at(reading.measured_at, zone, received_at, skew)
    if told is None:
        return Clocked(measured_at=received_at, basis="received", ahead=False)
    latest = received_at + TRUSTED
    at = told + skew if _applies(skew, told, received_at, reading.backlog) else told
    if min(told, at) > latest:
        ahead = at > received_at + AHEAD_AT_MOST
        return Clocked(measured_at=received_at, basis="received", ahead=ahead, flags=("clock_ahead",))
    if at == told:
        return Clocked(measured_at=told, basis="device", ahead=False)
    return Clocked(measured_at=min(at, received_at), basis="corrected", ahead=False, flags=("clock_corrected",))


def _applies(skew: timedelta, told: datetime, received_at: datetime, backlog: bool) -> bool:
    """Whether the skew of today's clock may be of the clock that told this time."""
    if not backlog:
        return abs(received_at - told) > TRUSTED  # else it was set meanwhile
    latest = received_at + TRUSTED
    return told > latest or told + skew <= latest  # else it was measured before the clock went wrong


def told_at(told: datetime | None, zone: ZoneInfo, received_at: datetime, skew: timedelta = NONE) -> datetime | None:
    """What the device's clock said, in UTC; None when it has none, or one that was never set (1970, 2000).

    A time without offset is the patient's wall clock, which can mean two moments. In the hour that comes twice, the
    later one that had come when it was received: too new pages, too old would not. In the hour that is skipped, the
    clock was not put forward yet, so 02:30 is what others call 03:30; unless that had not come, then it was put
    forward early. Both are one rule: the latest moment it can mean that is not in the future.
    """
    if told is None:
        return None
    if told.tzinfo is not None:
        meant = [told.astimezone(UTC)]
    else:
        meant = sorted(told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    come = [at for at in meant if at + skew <= received_at + TRUSTED]
    at = come[-1] if come else meant[0]
    return at if at >= CLOCK_NEVER_SET else None


def age(kind: str, clocked: Clocked, now: datetime, backlog: bool) -> Age:
    """The age by which a reading is judged. One whose time is not known is as old as its receipt.

    Unless its hub declared backlog: then it was not measured just now, and when is unknown: late. Never live, so
    that old numbers text nobody; never historic, so that a crisis among them still pages staff.
    """
    if clocked.basis == "received" and backlog:
        return "late"
    return age_at(kind, clocked.measured_at, now)


def age_at(kind: str, measured_at: datetime, now: datetime) -> Age:
    """By the time of measurement alone: live up to 30 minutes (weight: a day), late up to a day, historic after."""
    since = now - measured_at
    if since <= LIVE.get(kind, LIVE_OTHERS):
        return "live"
    return "late" if since <= LATE else "historic"


def implausible(reading: DecodedReading) -> bool:
    """True when a number lies outside what a body and a device can show, or systolic is not above diastolic."""
    return not possible_body(reading.values)


class Spread(msgspec.Struct, frozen=True):
    """How far a person's readings lie from their own median, as a ratio: usual up to `far`, alike up to `near`."""

    far: Decimal
    near: Decimal


# Settings of 2026-11-22, for clinical sign-off. `far` is wide enough for the same person on a bad day; `near` is
# narrow enough that a number near in the other unit is always far as sent, because factor / near > far:
#   weight   lb taken as kg is 2.20 times too much:    2.20 / 1.2 = 1.84 > 1.25
#   glucose  mmol/L taken as mg/dL is 18 times too little: 18.0 / 3 = 6.0 > 4
#   pressure kPa taken as mmHg is 7.5 times too little, so 120 shows as 16: implausible, never in doubt here
#   temperature 36.6 °C in °F is 97.9: implausible too. °C and % have one plausible unit each.
SPREADS: dict[str, Spread] = {
    "systolic_mmhg": Spread(Decimal("1.6"), Decimal("1.4")),
    "diastolic_mmhg": Spread(Decimal("1.6"), Decimal("1.4")),
    "pulse_bpm": Spread(Decimal(2), Decimal("1.5")),
    "glucose_mgdl": Spread(Decimal(4), Decimal(3)),
    "weight_kg": Spread(Decimal("1.25"), Decimal("1.2")),
    "spo2_pct": Spread(Decimal("1.15"), Decimal("1.1")),
    "temperature_c": Spread(Decimal("1.1"), Decimal("1.05")),
}


def unit_doubt(values: Values, baseline: Values) -> bool:
    """True when plausible numbers are far from the patient's own median, yet near to it in another unit.

    `baseline` is the patient's, by column; a number without one is not doubted. Held for a person: nothing is lost
    by that on the dangerous side, since what is held is judged under each of its meanings.
    """
    far = _far(values, baseline)
    return bool(far) and any(
        all(_within(meant[column], baseline[column], SPREADS[column].near) for column in far)
        for meant in swapped(values)
    )


def outlying(values: Values, baseline: Values) -> bool:
    """True when a number is far from the patient's own median and no unit explains it: stored, judged, flagged."""
    return bool(_far(values, baseline)) and not unit_doubt(values, baseline)


def _far(values: Values, baseline: Values) -> list[str]:
    return [
        column
        for column, value in values.items()
        if (usual := baseline.get(column)) is not None and not _within(value, usual, SPREADS[column].far)
    ]


def _within(value: Decimal, usual: Decimal, ratio: Decimal) -> bool:
    return value <= usual * ratio and usual <= value * ratio
