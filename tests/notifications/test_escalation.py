"""The next step as a table: pure, at each boundary, for each severity, and never a silent end."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from notifications.escalation import (
    DEFAULTS,
    Over,
    Severity,
    State,
    Step,
    Take,
    Wait,
    first_due,
    next_step,
    problems,
    working_day,
)

ZONE = "America/New_York"
T0 = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)  # a Friday, 15:00 in New York
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
HIGH = DEFAULTS["high"]


def state(position: int, due: timedelta, *, standing: bool = True, failed: bool = False) -> State:
    return State(standing=standing, position=position, started_at=T0, due_at=T0 + due, zone=ZONE, failed=failed)


@pytest.mark.parametrize(
    ("position", "who", "following", "repeating", "exhausted"),
    [
        (0, ("on_shift",), 5, False, False),
        (1, ("backup",), 10, False, False),
        (2, ("charge_nurse",), 15, False, False),
        (3, ("clinician", "admin"), 20, True, False),
        (4, ("clinician", "admin"), 25, True, True),
        (77, ("clinician", "admin"), 390, True, True),
    ],
)
def test_a_high_alert_goes_up_at_five_ten_fifteen_and_then_every_five_minutes(
    position: int, who: tuple[str, ...], following: int, repeating: bool, exhausted: bool
) -> None:
    due = position * 5 * MINUTE
    assert next_step(state(position, due), HIGH, T0 + due - SECOND) == Wait(until=T0 + due)
    step = next_step(state(position, due), HIGH, T0 + due)
    channel = "both" if position >= 2 else "sms"
    assert step == Take(
        who=who, channel=channel, due_at=T0 + following * MINUTE, repeating=repeating, exhausted=exhausted
    )  # fmt: skip


@pytest.mark.parametrize("position", [0, 1, 3, 9])
def test_once_answered_there_is_no_step_whatever_is_due_or_failed(position: int) -> None:
    assert next_step(state(position, 0 * MINUTE, standing=False, failed=True), HIGH, T0 + HOUR) == Over()


@pytest.mark.parametrize(("position", "hurried"), [(0, False), (1, True), (2, True), (3, True), (4, False), (9, False)])
def test_a_page_nobody_can_get_hurries_the_next_step_but_never_a_repeat(position: int, hurried: bool) -> None:
    step = next_step(state(position, HOUR, failed=True), HIGH, T0 + SECOND)
    assert isinstance(step, Take if hurried else Wait)


def test_a_hurried_step_leaves_the_later_ones_where_they_were() -> None:
    step = next_step(state(1, 5 * MINUTE, failed=True), HIGH, T0 + SECOND)
    assert isinstance(step, Take)
    assert (step.who, step.due_at) == (("backup",), T0 + 10 * MINUTE)


@pytest.mark.parametrize("severity", ["high", "medium", "low"])
@pytest.mark.parametrize(("failed", "others"), [(True, True), (True, False), (False, True)])
def test_where_the_last_step_reached_nobody_the_next_person_hears_it_while_there_is_one(
    severity: Severity, failed: bool, others: bool
) -> None:
    steps = DEFAULTS[severity]
    after = msgspec.structs.replace(state(len(steps), HOUR), failed=failed, others=others)
    step = next_step(after, steps, T0 + SECOND)
    if not (failed and others):
        assert step == Wait(until=T0 + HOUR)
        return
    assert isinstance(step, Take)
    assert (step.who, step.instead, step.exhausted, step.due_at) == (("on_shift",), True, False, T0 + HOUR)


def test_after_a_day_away_repeats_go_on_from_now() -> None:
    step = next_step(state(4, 20 * MINUTE), HIGH, T0 + 24 * HOUR)
    assert isinstance(step, Take)
    assert step.due_at == T0 + 24 * HOUR + 5 * MINUTE


def test_a_last_step_that_says_nothing_of_repeating_is_repeated() -> None:
    only = [Step(after=0 * MINUTE, who=("on_shift",))]
    step = next_step(state(0, 0 * MINUTE), only, T0)
    assert isinstance(step, Take)
    assert step.due_at == T0 + 5 * MINUTE


def test_a_medium_is_told_after_four_hours_and_again_every_four() -> None:
    assert first_due(DEFAULTS["medium"], T0, ZONE) == T0 + 4 * HOUR
    step = next_step(state(0, 4 * HOUR), DEFAULTS["medium"], T0 + 4 * HOUR)
    assert isinstance(step, Take)
    assert (step.who, step.due_at) == (("on_shift",), T0 + 8 * HOUR)


@pytest.mark.parametrize(
    ("local", "due"),
    [
        ("2026-11-20 15:00", "2026-11-23 09:00"),  # Friday → Monday
        ("2026-11-21 08:00", "2026-11-23 09:00"),  # Saturday
        ("2026-11-22 23:59", "2026-11-23 09:00"),  # Sunday night
        ("2026-11-23 00:00", "2026-11-24 09:00"),  # Monday → Tuesday
        ("2026-10-31 12:00", "2026-11-02 09:00"),  # over the end of summer time
        ("2026-03-06 12:00", "2026-03-09 09:00"),  # over its beginning
    ],
)
def test_a_low_is_told_at_nine_on_the_next_working_day(local: str, due: str) -> None:
    zone = ZoneInfo(ZONE)
    after = datetime.fromisoformat(local).replace(tzinfo=zone)
    assert working_day(after.astimezone(UTC), ZONE) == datetime.fromisoformat(due).replace(tzinfo=zone)
    assert first_due(DEFAULTS["low"], after, ZONE) == datetime.fromisoformat(due).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("severity", "steps", "says"),
    [
        ("high", DEFAULTS["high"], []), ("medium", DEFAULTS["medium"], []), ("low", DEFAULTS["low"], []),
        ("high", (), ["Name at least one step"]),
        ("high", (Step(after=0 * MINUTE, who=("on_shift",), again=5 * MINUTE),), ["at least two different people"]),
        ("medium", (Step(after=0 * MINUTE, who=("on_shift",), again=5 * MINUTE),), []),
        ("high", (Step(after=MINUTE, who=("on_shift", "admin"), again=5 * MINUTE),), ["pages at once"]),
        ("high", (Step(after=0 * MINUTE, who=("on_shift", "admin")),), ["must be repeated"]),
        ("high", (Step(after=0 * MINUTE, who=("on_shift", "admin"), again=61 * MINUTE),), ["at least every hour"]),
        ("medium", (Step(after=0 * MINUTE, who=("admin",), again=8 * 24 * HOUR),), ["at least every 7 days"]),
        (
            "high",
            (
                Step(after=0 * MINUTE, who=("on_shift",), again=MINUTE),
                Step(after=0 * MINUTE, who=("admin",), business_day=True, again=MINUTE),
            ),
            ["comes later", "Only the last step", "does not wait for a working day"],
        ),
        ("high", (*DEFAULTS["high"][:3], Step(after=3 * HOUR, who=("admin",), again=MINUTE)), ["within 2 hours"]),
        ("low", tuple(Step(after=n * MINUTE, who=("admin",), again=None) for n in range(9)), ["At most 8", "repeated"]),
    ],
)  # fmt: skip
def test_a_chain_with_a_hole_is_named_with_all_that_is_wrong(
    severity: Severity, steps: tuple[Step, ...], says: list[str]
) -> None:
    found = problems(severity, steps)
    assert len(found) == len(says), found
    assert all(any(part in one for one in found) for part in says)


def test_what_may_wait_for_a_working_day_does_not_come_on_a_holiday() -> None:
    closed = frozenset({date(2026, 11, 23), date(2026, 11, 24)})  # Monday and Tuesday after that Friday
    nine = datetime(2026, 11, 25, 9, tzinfo=ZoneInfo(ZONE))
    assert first_due(DEFAULTS["low"], T0, ZONE, closed) == nine
    one = state(0, timedelta())
    again = next_step(msgspec.structs.replace(one, closed=closed), DEFAULTS["low"], T0)
    assert isinstance(again, Take)
    assert again.due_at == nine
