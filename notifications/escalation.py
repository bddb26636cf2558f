"""Who is told next when nobody answers: a pure decision from the steps and how far one has come."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

Who = Literal["on_shift", "backup", "charge_nurse", "clinician", "admin", "fallback"]
Severity = Literal["low", "medium", "high"]
WORKDAY_BEGINS = time(9)
SOURCE = "Careloop defaults, priorities after IEC 60601-1-8; for clinical sign-off"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`after` counts from when the page was due. `again`: how often the last step is said while nobody answers."""

    after: timedelta
    who: tuple[Who, ...]
    business_day: bool = False
    again: timedelta | None = None


MINUTES, HOURS = timedelta(minutes=1), timedelta(hours=1)
AGAIN = 5 * MINUTES  # for a last step that does not say: a chain never ends silently

# high: at once, 5 min backup, 10 charge nurse, 15 clinician and admin, then every 5; medium 4 h; low next working day.
DEFAULTS: dict[Severity, tuple[Step, ...]] = {
    "high": (
        Step(after=0 * MINUTES, who=("on_shift",)),
        Step(after=5 * MINUTES, who=("backup",)),
        Step(after=10 * MINUTES, who=("charge_nurse",)),
        Step(after=15 * MINUTES, who=("clinician", "admin"), again=5 * MINUTES),
    ),
    "medium": (Step(after=4 * HOURS, who=("on_shift",), again=4 * HOURS),),
    "low": (Step(after=0 * HOURS, who=("on_shift",), business_day=True, again=24 * HOURS),),
}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far an alert or alarm has come. `failed`: of those told last, nobody can have got it."""

    standing: bool
    position: int
    started_at: datetime
    due_at: datetime
    zone: str
    failed: bool = False


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Tell these now; the next step is due at `due_at`. `exhausted`: everybody was told before, and nobody answered."""

    who: tuple[Who, ...]
    due_at: datetime
    repeating: bool
    exhausted: bool


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    until: datetime


class Over(msgspec.Struct, frozen=True):
    """Somebody answered."""


def next_step(state: State, steps: Sequence[Step], now: datetime) -> Take | Wait | Over:
    """A step is taken when it is due, or at once when nobody can have got the one before. Repeats are never hurried."""
    if not state.standing:
        return Over()
    last = len(steps) - 1
    hurried = state.failed and 0 < state.position <= last
    if now < state.due_at and not hurried:
        return Wait(until=state.due_at)
    position = min(state.position, last)
    return Take(
        who=steps[position].who,
        due_at=_following(state, steps, now),
        repeating=state.position >= last,
        exhausted=state.position > last,
    )


def first_due(steps: Sequence[Step], started_at: datetime, zone: str) -> datetime:
    """When the first page is due."""
    return _due(steps[0], started_at, zone)


def _following(state: State, steps: Sequence[Step], now: datetime) -> datetime:
    if state.position + 1 < len(steps):
        return _due(steps[state.position + 1], state.started_at, state.zone)
    last = steps[-1]
    again = now + (last.again or AGAIN)
    return working_day(again, state.zone) if last.business_day else again


def _due(step: Step, started_at: datetime, zone: str) -> datetime:
    due = started_at + step.after
    return working_day(due, zone) if step.business_day else due


def working_day(after: datetime, zone: str) -> datetime:
    """Nine in the morning, on that clock, of the first weekday that begins after this time."""
    local = after.astimezone(ZoneInfo(zone))
    day = local.date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, WORKDAY_BEGINS, ZoneInfo(zone)).astimezone(UTC)
