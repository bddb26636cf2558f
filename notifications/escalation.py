"""Who is told next when nobody answers: a pure decision from the steps and how far one has come."""

from collections.abc import Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

Who = Literal["on_shift", "backup", "charge_nurse", "clinician", "admin", "fallback"]
Severity = Literal["low", "medium", "high"]
Channel = Literal["sms", "voice", "both"]
WHO: tuple[Who, ...] = get_args(Who)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
WORKDAY_BEGINS = time(9)
SOURCE = "Careloop defaults, priorities after IEC 60601-1-8; for clinical sign-off"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`after` counts from when the page was due. `again`: how often the last step is said while nobody answers.

    A step by voice calls; a step by both texts and calls.
    """

    after: timedelta
    who: tuple[Who, ...]
    business_day: bool = False
    again: timedelta | None = None
    channel: Channel = "sms"


MINUTES, HOURS = timedelta(minutes=1), timedelta(hours=1)
INSTEAD: tuple[Who, ...] = ("on_shift",)  # the next on shift, else the stand-in, else whoever has a telephone
AGAIN = 5 * MINUTES  # for a last step that does not say: a chain never ends silently

# high: at once, 5 min backup, 10 charge nurse, 15 clinician and admin, then every 5; medium 4 h; low next working day.
# Who is told third or later is called too: a text that two people did not see may be missed by a third.
DEFAULTS: dict[Severity, tuple[Step, ...]] = {
    "high": (
        Step(after=0 * MINUTES, who=("on_shift",)),
        Step(after=5 * MINUTES, who=("backup",)),
        Step(after=10 * MINUTES, who=("charge_nurse",), channel="both"),
        Step(after=15 * MINUTES, who=("clinician", "admin"), again=5 * MINUTES, channel="both"),
    ),
    "medium": (Step(after=4 * HOURS, who=("on_shift",), again=4 * HOURS),),
    "low": (Step(after=0 * HOURS, who=("on_shift",), business_day=True, again=24 * HOURS),),
}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far an alert or alarm has come. `failed`: of those told last, nobody can have got it.

    `others`: there is somebody whom it was not tried with.
    `closed`: days that are no working days, on the zone's calendar.
    """

    standing: bool
    position: int
    started_at: datetime
    due_at: datetime
    zone: str
    failed: bool = False
    others: bool = False
    closed: frozenset[date] = frozenset()


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Tell these now; the next step is due at `due_at`. `exhausted`: everybody was told before, and nobody answered.

    `instead`: the first person of these whom it was not tried with, because the step before reached nobody.
    """

    who: tuple[Who, ...]
    channel: Channel
    due_at: datetime
    repeating: bool
    exhausted: bool
    instead: bool = False


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    until: datetime


class Over(msgspec.Struct, frozen=True):
    """Somebody answered."""


def next_step(state: State, steps: Sequence[Step], now: datetime) -> Take | Wait | Over:
    """A step is taken when it is due, or at once when nobody can have got the one before.

    Repeats are never hurried: where the last step reached nobody, the next person hears it, one after the other and
    each once, and the repeat stays when it was due.
    """
    if not state.standing:
        return Over()
    last = len(steps) - 1
    hurried = state.failed and 0 < state.position <= last
    if now < state.due_at and not hurried:
        if state.failed and state.position > last and state.others:
            return Take(
                who=INSTEAD, channel=steps[last].channel, due_at=state.due_at, repeating=True, exhausted=False,
                instead=True,
            )  # fmt: skip
        return Wait(until=state.due_at)
    position = min(state.position, last)
    return Take(
        who=steps[position].who,
        channel=steps[position].channel,
        due_at=_following(state, steps, now),
        repeating=state.position >= last,
        exhausted=state.position > last,
    )


def first_due(steps: Sequence[Step], started_at: datetime, zone: str, closed: Set[date] = frozenset()) -> datetime:
    """When the first page is due."""
    return _due(steps[0], started_at, zone, closed)


def _following(state: State, steps: Sequence[Step], now: datetime) -> datetime:
    if state.position + 1 < len(steps):
        return _due(steps[state.position + 1], state.started_at, state.zone, state.closed)
    last = steps[-1]
    again = now + (last.again or AGAIN)
    return working_day(again, state.zone, state.closed) if last.business_day else again


def _due(step: Step, started_at: datetime, zone: str, closed: Set[date]) -> datetime:
    due = started_at + step.after
    return working_day(due, zone, closed) if step.business_day else due


def working_day(after: datetime, zone: str, closed: Set[date] = frozenset()) -> datetime:
    """Nine in the morning, on that clock, of the first weekday that begins after this time and is no holiday."""
    local = after.astimezone(ZoneInfo(zone))
    day = local.date() + timedelta(days=1)
    while day.weekday() > 4 or day in closed:
        day += timedelta(days=1)
    return datetime.combine(day, WORKDAY_BEGINS, ZoneInfo(zone)).astimezone(UTC)


LONGEST_CHAIN = 8  # steps
HIGH_WITHIN = 120 * MINUTES  # every step of a high alert
HIGH_AGAIN = 60 * MINUTES
AGAIN_WITHIN = timedelta(days=7)
LEAST_AGAIN = 1 * MINUTES


def problems(severity: Severity, steps: Sequence[Step]) -> list[str]:
    """What must not be so in a chain that people rely on, all of it at once; empty when it may be saved."""
    if not steps:
        return ["Name at least one step: somebody has to be told."]
    found = _of_order(steps) + _of_last(severity, steps[-1])
    return found + (_of_high(steps) if severity == "high" else [])


def _of_order(steps: Sequence[Step]) -> list[str]:
    found = [f"Step {n}: choose whom to tell." for n, step in enumerate(steps, 1) if not step.who]
    if len(steps) > LONGEST_CHAIN:
        found.append(f"At most {LONGEST_CHAIN} steps.")
    if any(later.after <= step.after for step, later in pairwise(steps)):
        found.append("Each step comes later than the one before it.")
    if any(step.after < 0 * MINUTES for step in steps):
        found.append("A step cannot come before the alert.")
    if any(step.again for step in steps[:-1]):
        found.append("Only the last step is repeated.")
    return found


def _of_last(severity: Severity, last: Step) -> list[str]:
    most = HIGH_AGAIN if severity == "high" else AGAIN_WITHIN
    if last.again is None or last.again < LEAST_AGAIN:
        return ["The last step must be repeated until somebody answers: say how often."]
    return [f"Repeat the last step at least {every(most)}."] if last.again > most else []


def _of_high(steps: Sequence[Step]) -> list[str]:
    found = []
    if steps[0].after or steps[0].business_day:
        found.append("A high alert pages at once: the first step comes after 0 minutes.")
    if any(step.business_day for step in steps[1:]):
        found.append("A high alert does not wait for a working day.")
    if len({who for step in steps for who in step.who}) < 2:
        found.append("A high alert needs at least two different people to tell: name a second one.")
    if any(step.after > HIGH_WITHIN for step in steps):
        found.append(f"Every step of a high alert comes within {words(HIGH_WITHIN)}.")
    return found


def every(span: timedelta) -> str:
    """ "every 5 minutes", "every hour"."""
    return f"every {words(span).removeprefix('1 ')}"


def words(span: timedelta) -> str:
    """ "5 minutes", "4 hours", "1 day": whole units only where they are whole."""
    minutes = round(span / MINUTES)
    for unit, size in (("day", 24 * 60), ("hour", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size} {unit}{'' if minutes == size else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
