"""When a text may go: a table of moments, places and people, and ten thousand people nobody thought of."""

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from notifications import quiet_hours
from notifications.law import Hours, law
from notifications.policy import Defer, Facts, Send, Suppress, decide
from notifications.quiet_hours import Whose, Window, is_open, next_opening, window

NOON = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # 12:00 in New York
FINE = Facts(
    purpose="reminder",
    zone="America/New_York",
    to_number="+12125550201",
    organization_state="live",
    consent=True,
    moot_at=NOON + timedelta(hours=24),
)


def at(text: str, zone: str = "America/New_York") -> datetime:
    """A local moment as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def facts(**changes: object) -> Facts:
    return msgspec.structs.replace(FINE, **changes)


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({}, Send()),
        ({"to_number": ""}, Suppress("no_number")),
        ({"opted_out": True}, Suppress("opted_out")),
        ({"opted_out": True, "purpose": "safety"}, Suppress("opted_out")),
        ({"opted_out": True, "purpose": "answer"}, Suppress("opted_out")),
        ({"opted_out": True, "purpose": "answer", "confirms_opt_out": True}, Send()),
        ({"opted_out": True, "purpose": "page", "to_staff": True}, Suppress("opted_out")),
        ({"opted_out": True, "purpose": "page", "to_staff": True, "channel": "voice"}, Send()),
        ({"opted_out": True, "purpose": "safety", "channel": "voice"}, Send()),
        ({"opted_out": True, "channel": "voice"}, Suppress("opted_out")),
        ({"cannot_text": True}, Suppress("cannot_text")),
        ({"consent": False}, Suppress("no_consent")),
        ({"consent": False, "purpose": "safety"}, Send()),
        ({"consent": False, "purpose": "page", "to_staff": True}, Send()),
        ({"patient_active": False}, Suppress("patient_inactive")),
        ({"patient_active": False, "purpose": "page", "to_staff": True}, Send()),
        ({"patient_deceased": True}, Suppress("deceased")),
        ({"patient_deceased": True, "purpose": "safety"}, Suppress("deceased")),
        ({"patient_deceased": True, "purpose": "answer"}, Suppress("deceased")),
        (
            {"patient_deceased": True, "purpose": "answer", "opted_out": True, "confirms_opt_out": True},
            Suppress("deceased"),
        ),
        ({"patient_deceased": True, "organization_state": "shadow"}, Suppress("deceased")),
        ({"patient_deceased": True, "purpose": "page", "to_staff": True}, Send()),
        ({"reason_still_there": False}, Suppress("reason_gone")),
        ({"reason_still_there": False, "purpose": "page", "to_staff": True}, Suppress("reason_gone")),
        ({"moot_at": NOON}, Suppress("too_late")),
        ({"moot_at": NOON, "waited_for": "day_full"}, Suppress("too_late", after="day_full")),
        ({"moot_at": NOON, "purpose": "page", "to_staff": True}, Send()),
        (
            {"moot_at": NOON, "purpose": "answer", "opted_out": True, "confirms_opt_out": True, "waited_for": "429"},
            Suppress("too_late", after="429"),
        ),
        ({"organization_state": "shadow"}, Suppress("shadow", "withheld")),
        ({"organization_state": "shadow", "purpose": "page", "to_staff": True}, Suppress("shadow", "withheld")),
        ({"organization_state": "trial"}, Suppress("trial_number_not_listed", "withheld")),
        ({"organization_state": "trial", "trial_numbers": frozenset({"+12125550201"})}, Send()),
        ({"organization_state": "shadow", "opted_out": True}, Suppress("opted_out")),
    ],
)
def test_each_reason_against_sending_is_named(changes: dict[str, object], decision: object) -> None:
    assert decide(facts(**changes), NOON) == decision


def test_a_reminder_dropped_too_late_says_what_it_waited_for() -> None:
    assert Suppress("too_late", after="day_full").says == "too_late after day_full"
    assert Suppress("reason_gone").says == "reason_gone"


@pytest.mark.parametrize(
    ("local", "zone", "topic", "until"),
    [
        ("2026-11-21T08:00", "America/New_York", "monitoring", None),
        ("2026-11-21T07:59:59", "America/New_York", "monitoring", "2026-11-21T08:00"),
        ("2026-11-21T20:59:59", "America/New_York", "monitoring", None),
        ("2026-11-21T21:00", "America/New_York", "monitoring", "2026-11-22T08:00"),
        # A state that is not known: Connecticut's and Texas's nine, Florida's eight in the evening, Texas's Sunday.
        ("2026-11-21T08:59:59", "America/New_York", "outreach", "2026-11-21T09:00"),
        ("2026-11-21T09:00", "America/New_York", "outreach", None),
        ("2026-11-21T19:59:59", "America/New_York", "outreach", None),
        ("2026-11-21T20:00", "America/New_York", "outreach", "2026-11-22T12:00"),
        ("2026-11-21T03:00", "Pacific/Honolulu", "monitoring", "2026-11-21T08:00"),
        ("2026-12-31T23:30", "Asia/Kathmandu", "monitoring", "2027-01-01T08:00"),
        # The night of 7 to 8 March 2026 is an hour shorter in the US, that of 31 October to 1 November an hour longer.
        ("2026-03-07T22:00", "America/New_York", "monitoring", "2026-03-08T08:00"),
        ("2026-03-08T01:59", "America/New_York", "monitoring", "2026-03-08T08:00"),
        ("2026-10-31T22:00", "America/New_York", "monitoring", "2026-11-01T08:00"),
        ("2026-11-01T07:30", "America/New_York", "outreach", "2026-11-01T12:00"),
    ],
)
def test_quiet_hours_are_those_of_the_patients_own_clock(local: str, zone: str, topic: str, until: str | None) -> None:
    now = at(local, zone)
    expected = Send() if until is None else Defer(at(until, zone), "quiet_hours")
    assert decide(facts(zone=zone, topic=topic, moot_at=now + timedelta(hours=24)), now) == expected


@pytest.mark.parametrize(
    ("region", "day", "opens", "closes"),
    [
        ("FL", "2021-06-30", "08:00", "21:00"),  # the day before its law
        ("FL", "2021-07-01", "08:00", "20:00"),
        ("OK", "2022-10-31", "08:00", "21:00"),
        ("OK", "2022-11-01", "08:00", "20:00"),
        ("MD", "2023-12-31", "08:00", "21:00"),
        ("MD", "2024-01-01", "08:00", "20:00"),
        ("CT", "2026-11-21", "09:00", "20:00"),
        ("MA", "2026-11-21", "08:00", "20:00"),
        ("WA", "2026-11-21", "08:00", "20:00"),
        ("TX", "2026-11-21", "09:00", "21:00"),  # a Saturday
        ("TX", "2026-11-22", "12:00", "21:00"),  # a Sunday
        ("TX", "2026-11-23", "09:00", "21:00"),
        ("AZ", "2026-11-22", "08:00", "21:00"),  # no hours of its own
        (None, "2026-11-21", "09:00", "20:00"),
        (None, "2026-11-22", "12:00", "20:00"),
    ],
)
def test_outreach_keeps_the_hours_of_the_state_to_the_minute(
    region: str | None, day: str, opens: str, closes: str
) -> None:
    whose, minute = Whose(zone="America/Chicago", topic="outreach", region=region), timedelta(minutes=1)
    opening, closing = at(f"{day}T{opens}", whose.zone), at(f"{day}T{closes}", whose.zone)
    moments = (opening - minute, opening, closing - minute, closing)
    assert [is_open(moment, whose, law().hours) for moment in moments] == [False, True, True, False]
    care = msgspec.structs.replace(whose, topic="monitoring")
    assert is_open(at(f"{day}T08:00", whose.zone), care, law().hours)


def test_a_law_that_changes_holds_from_the_patients_own_date() -> None:
    old = Hours(region="NY", opens=time(10), closes=time(20), until=date(2026, 11, 21), source="test")
    new = Hours(region="NY", opens=time(10), closes=time(18), since=date(2026, 11, 22), source="test")
    for zone in ("America/New_York", "Pacific/Auckland"):
        whose = Whose(zone=zone, topic="outreach", region="NY")
        assert is_open(at("2026-11-21T19:59", zone), whose, [old, new])
        assert next_opening(at("2026-11-21T20:00", zone), whose, [old, new]) == at("2026-11-22T10:00", zone)
        assert not is_open(at("2026-11-22T18:00", zone), whose, [old, new])


def test_a_day_without_hours_is_closed_and_so_is_a_law_that_leaves_none() -> None:
    sundays = Hours(region="XX", on=("Sunday",), source="test")
    whose = Whose(zone="America/New_York", topic="outreach", region="XX")
    assert next_opening(at("2026-11-22T12:00"), whose, [sundays, *law().hours]) == at("2026-11-23T08:00")
    never = Hours(region="XX", source="test")
    assert next_opening(at("2026-11-22T12:00"), whose, [never]) is None


@pytest.mark.parametrize(
    ("topic", "own", "expected"),
    [
        ("monitoring", ("06:30", "22:00"), ("06:30", "22:00")),  # a 7 a.m. insulin reminder is wanted
        ("monitoring", ("10:00", "12:00"), ("10:00", "12:00")),
        ("outreach", ("06:30", "22:00"), ("08:00", "20:00")),
        ("outreach", ("10:00", "12:00"), ("10:00", "12:00")),
        ("outreach", ("19:00", "22:00"), ("19:00", "20:00")),
        ("outreach", ("06:00", "08:00"), None),
    ],
)
def test_own_hours_replace_those_of_care_and_only_narrow_those_of_outreach(
    topic: quiet_hours.Topic, own: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    def hours(of: tuple[str, str]) -> Window:
        return Window(opens=time.fromisoformat(of[0]), closes=time.fromisoformat(of[1]))

    whose = Whose(zone="America/New_York", topic=topic, region="FL", own=hours(own))
    assert window(date(2026, 11, 21), whose, law().hours) == (expected and hours(expected))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23 08:30", Defer(at("2026-11-23 08:00", "America/Los_Angeles"), "quiet_hours")),
        ("2026-11-23 10:59", Defer(at("2026-11-23 08:00", "America/Los_Angeles"), "quiet_hours")),
        ("2026-11-23 11:00", Send()),
        ("2026-11-23 23:59", Send()),
        ("2026-11-24 00:00", Defer(at("2026-11-24 08:00", "America/Los_Angeles"), "quiet_hours")),
    ],
)
def test_the_hours_are_of_the_clock_on_which_it_is_read(now: str, expected: object) -> None:
    """The patient lives in New York, the proxy who hears for them in Los Angeles."""
    known = facts(reader_zone="America/Los_Angeles", region="CA", moot_at=at("2026-11-25 12:00"))
    assert decide(known, at(now)) == expected


def test_a_day_that_is_full_is_the_patients_and_opens_on_the_clock_on_which_it_is_read() -> None:
    known = facts(reader_zone="America/Los_Angeles", sent_today=4, moot_at=at("2026-11-25 12:00"))
    tomorrow = Defer(at("2026-11-24 08:00", "America/Los_Angeles"), "day_full")
    assert decide(known, at("2026-11-23 13:00")) == tomorrow


def test_hours_that_leave_nothing_end_the_reminder_with_that_reason() -> None:
    own = Window(opens=time(6), closes=time(8))
    assert decide(facts(topic="outreach", own=own), NOON) == Suppress("quiet_hours")


def test_a_night_with_a_change_of_clocks_still_ends_at_eight() -> None:
    nights = ("2026-03-07T21:00", "2026-10-31T21:00")
    ends = [next_opening(at(night), Whose(zone="America/New_York"), law().hours) for night in nights]
    assert [end - at(night) for night, end in zip(nights, ends, strict=True) if end] == [
        timedelta(hours=10), timedelta(hours=12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("utc", "opens"),
    [
        ("2026-03-08T06:59", "2026-03-08T07:30"),  # 01:59; half past two does not come, so an hour later by the clock
        ("2026-11-01T05:29", "2026-11-01T06:30"),  # 01:29; half past one comes twice, and after the first …
    ],
)
def test_own_hours_that_begin_in_the_hour_of_the_change(utc: str, opens: str) -> None:
    own = Window(opens=time(2, 30), closes=time(9))
    now, opening = at(utc, "UTC"), at(opens, "UTC")
    if utc.startswith("2026-11"):
        own = Window(opens=time(1, 30), closes=time(1, 45))
        assert next_opening(now, Whose(zone="America/New_York", own=own), []) == now + timedelta(minutes=1)
        now += timedelta(minutes=20)  # … it opens again
    assert next_opening(now, Whose(zone="America/New_York", own=own), []) == opening


@pytest.mark.parametrize("purpose", ["page", "safety", "test"])
def test_only_reminders_know_quiet_hours_caps_and_stop_switches(purpose: str) -> None:
    crowded = facts(purpose=purpose, stopped=True, sent_today=99, sent_this_week=99)
    assert decide(crowded, at("2026-11-21T03:00")) == Send()


def test_an_answer_knows_neither_caps_nor_stop_switches() -> None:
    crowded = facts(purpose="answer", written_at=NOON, stopped=True, sent_today=99, sent_this_week=99)
    assert decide(crowded, NOON) == Send()


def test_the_same_moment_is_day_for_one_patient_and_night_for_another() -> None:
    now = at("2026-11-21T09:00", "America/New_York")
    assert decide(facts(), now) == Send()
    assert decide(facts(zone="America/Los_Angeles"), now) == Defer(
        at("2026-11-21T08:00", "America/Los_Angeles"), "quiet_hours"
    )


# Caps ---------------------------------------------------------------------------------------------

TOMORROW = at("2026-11-22T08:00")


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({"sent_today": 3}, Send()),
        ({"sent_today": 4}, Defer(TOMORROW, "day_full")),
        ({"sent_today": 4, "priority": 0}, Defer(TOMORROW, "day_full")),
        ({"sent_this_week": 20}, Send()),
        ({"sent_this_week": 21}, Defer(TOMORROW, "week_full")),
        ({"sent_today": 3, "urgent_later": True}, Defer(TOMORROW, "last_of_day")),
        ({"sent_today": 3, "urgent_later": True, "priority": 3}, Send()),
        ({"sent_today": 2, "urgent_later": True}, Send()),
        ({"sent_today": 0, "a_day": 1, "urgent_later": True, "priority": 4}, Defer(TOMORROW, "last_of_day")),
        (
            {"sent_today": 4, "own": Window(opens=time(6), closes=time(12, 30))},
            Defer(at("2026-11-22T06:00"), "day_full"),
        ),
        ({"sent_today": 4, "topic": "outreach"}, Defer(at("2026-11-22T12:00"), "day_full")),
    ],
)
def test_enough_is_enough_and_the_last_of_a_day_is_kept_for_what_matters(
    changes: dict[str, object], decision: object
) -> None:
    assert decide(facts(**changes), NOON) == decision


# Switches and opt-outs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "until"),
    [("2026-11-21T12:00", "2026-11-21T12:15"), ("2026-11-21T20:50", "2026-11-22T08:00")],
)
def test_what_a_switch_stops_looks_again_in_a_quarter_of_an_hour_by_day(local: str, until: str) -> None:
    assert decide(facts(stopped=True), at(local)) == Defer(at(until), "stopped")


SWITCH = "2027-01-31T00:00"


@pytest.mark.parametrize(
    ("withdrew", "agreed", "decision"),
    [
        (None, "2025-01-01T00:00", Send()),
        ("2027-01-30T23:59", "2025-01-01T00:00", Send()),  # before the law: the topic that was withdrawn, and no other
        (SWITCH, "2025-01-01T00:00", Suppress("no_consent")),
        ("2027-03-01T12:00", "2025-01-01T00:00", Suppress("no_consent")),
        ("2027-03-01T12:00", "2027-03-01T12:01", Send()),  # agreed to this one anew
    ],
)
def test_from_its_day_on_the_law_makes_one_opt_out_end_every_topic(
    withdrew: str | None, agreed: str, decision: object
) -> None:
    now = at("2027-04-01T12:00")
    known = facts(
        withdrew_at=at(withdrew) if withdrew else None, consent_since=at(agreed), moot_at=now + timedelta(hours=24)
    )
    assert decide(known, now) == decision


# Ten thousand people ------------------------------------------------------------------------------

SEED = 20261122
ZONES = (
    "America/New_York", "America/Los_Angeles", "America/Phoenix", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/St_Johns", "America/Havana", "UTC",
)  # fmt: skip
CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2027, 4, 3, 15, tzinfo=UTC),
    datetime(2026, 7, 4, tzinfo=UTC),
)  # fmt: skip
STATES = (None, "FL", "OK", "TX", "CT", "NY")


def somebody(dice: random.Random) -> tuple[Facts, datetime]:
    """Facts about a reminder and the moment, as likely at a change of clocks as not."""
    change = dice.choice(CHANGES)
    now = change + timedelta(minutes=dice.randrange(-3000, 3000), seconds=dice.randrange(60))
    first = dice.randrange(0, 1380)
    last = dice.randrange(first + 1, 1440)
    own = (
        Window(opens=time(first // 60, first % 60), closes=time(last // 60, last % 60)) if dice.random() < 0.3 else None
    )
    return facts(
        zone=dice.choice(ZONES), region=dice.choice(STATES), own=own, topic=dice.choice(("monitoring", "outreach")),
        opted_out=dice.random() < 0.1, consent=dice.random() > 0.1, patient_active=dice.random() > 0.05,
        patient_deceased=dice.random() < 0.05, cannot_text=dice.random() < 0.05,
        reason_still_there=dice.random() > 0.1, moot_at=now + timedelta(minutes=dice.randrange(-60, 600)),
        stopped=dice.random() < 0.1, priority=dice.randrange(10), sent_today=dice.randrange(5), a_day=dice.randrange(1, 6),
        sent_this_week=dice.randrange(25), a_week=dice.randrange(1, 30), urgent_later=dice.random() < 0.3,
        organization_state=dice.choice(("live",) * 8 + ("shadow", "trial")),
        channel=dice.choice(("sms", "voice")),
    ), now  # fmt: skip


def allowed(whose: Whose, moment: datetime) -> bool:
    """Quiet hours told anew, minute by minute, without the code under test."""
    local = moment.astimezone(ZoneInfo(whose.zone))
    minute, sunday = local.hour * 60 + local.minute, local.weekday() == 6
    starts, ends = [480], [1260]
    if whose.topic == "outreach":
        texas, nine = whose.region in {None, "TX"}, whose.region in {None, "TX", "CT"}
        starts.append(720 if texas and sunday else 540 if nine else 480)
        ends.append(1200 if whose.region in {None, "FL", "OK", "CT"} else 1260)
    if whose.own:
        first, last = (each.hour * 60 + each.minute for each in (whose.own.opens, whose.own.closes))
        starts, ends = ([first], [last]) if whose.topic == "monitoring" else ([*starts, first], [*ends, last])
    return max(starts) <= minute < min(ends)


def test_of_ten_thousand_nobody_is_texted_who_must_not_be_and_nothing_waits_for_a_bad_moment() -> None:
    print(f"seed {SEED}")
    dice, counts = random.Random(SEED), {"Send": 0, "Defer": 0, "Suppress": 0}
    wrong: list[tuple[Facts, datetime, object]] = []
    for _ in range(10_000):
        known, now = somebody(dice)
        decision = decide(known, now)
        counts[type(decision).__name__] += 1
        if isinstance(decision, Send):
            fine = (
                allowed(known.whose, now) and not known.opted_out and known.consent and known.patient_active
                and not known.patient_deceased and not known.cannot_text and known.reason_still_there
                and known.moot_at is not None and now < known.moot_at and not known.stopped
                and known.sent_today < known.a_day and known.sent_this_week < known.a_week
                and not (known.urgent_later and known.priority > 3 and known.sent_today + 1 == known.a_day)
                and known.organization_state == "live"
            )  # fmt: skip
        else:
            fine = not isinstance(decision, Defer) or (decision.until > now and allowed(known.whose, decision.until))
        if not fine:
            wrong.append((known, now, decision))
    print(f"{len(wrong)} of 10000 wrong; {counts}")
    assert not wrong, wrong[0]
    assert min(counts.values()) > 500
