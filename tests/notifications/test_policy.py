"""When a text may go: a table of moments, places and people."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from notifications.policy import FEDERAL, Defer, Facts, Send, Suppress, decide, next_opening

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
        ({"moot_at": NOON, "purpose": "page", "to_staff": True}, Send()),
        ({"organization_state": "shadow"}, Suppress("shadow", "withheld")),
        ({"organization_state": "shadow", "purpose": "page", "to_staff": True}, Suppress("shadow", "withheld")),
        ({"organization_state": "trial"}, Suppress("trial_number_not_listed", "withheld")),
        ({"organization_state": "trial", "trial_numbers": frozenset({"+12125550201"})}, Send()),
        ({"organization_state": "shadow", "opted_out": True}, Suppress("opted_out")),
    ],
)
def test_each_reason_against_sending_is_named(changes: dict[str, object], decision: object) -> None:
    assert decide(facts(**changes), NOON) == decision


@pytest.mark.parametrize(
    ("local", "zone", "topic", "until"),
    [
        ("2026-11-21T08:00", "America/New_York", "monitoring", None),
        ("2026-11-21T07:59:59", "America/New_York", "monitoring", "2026-11-21T08:00"),
        ("2026-11-21T20:59:59", "America/New_York", "monitoring", None),
        ("2026-11-21T21:00", "America/New_York", "monitoring", "2026-11-22T08:00"),
        ("2026-11-21T19:59", "America/New_York", "outreach", None),
        ("2026-11-21T20:00", "America/New_York", "outreach", "2026-11-22T08:00"),
        ("2026-11-21T03:00", "Pacific/Honolulu", "monitoring", "2026-11-21T08:00"),
        ("2026-12-31T23:30", "Asia/Kathmandu", "monitoring", "2027-01-01T08:00"),
        # The night of 7 to 8 March 2026 is an hour shorter in the US, that of 31 October to 1 November an hour longer.
        ("2026-03-07T22:00", "America/New_York", "monitoring", "2026-03-08T08:00"),
        ("2026-03-08T01:59", "America/New_York", "monitoring", "2026-03-08T08:00"),
        ("2026-10-31T22:00", "America/New_York", "monitoring", "2026-11-01T08:00"),
        ("2026-11-01T07:30", "America/New_York", "outreach", "2026-11-01T08:00"),
    ],
)
def test_quiet_hours_are_those_of_the_patients_own_clock(local: str, zone: str, topic: str, until: str | None) -> None:
    now = at(local, zone)
    expected = Send() if until is None else Defer(at(until, zone), "quiet_hours")
    assert decide(facts(zone=zone, topic=topic, moot_at=now + timedelta(hours=24)), now) == expected


def test_a_night_with_a_change_of_clocks_still_ends_at_eight() -> None:
    short = next_opening(at("2026-03-07T21:00"), ZoneInfo("America/New_York"), FEDERAL) - at("2026-03-07T21:00")
    long = next_opening(at("2026-10-31T21:00"), ZoneInfo("America/New_York"), FEDERAL) - at("2026-10-31T21:00")
    assert (short, long) == (timedelta(hours=10), timedelta(hours=12))


@pytest.mark.parametrize("purpose", ["page", "safety", "answer", "test"])
def test_only_reminders_know_quiet_hours(purpose: str) -> None:
    assert decide(facts(purpose=purpose), at("2026-11-21T03:00")) == Send()


def test_the_same_moment_is_day_for_one_patient_and_night_for_another() -> None:
    now = at("2026-11-21T09:00", "America/New_York")
    assert decide(facts(), now) == Send()
    assert decide(facts(zone="America/Los_Angeles"), now) == Defer(
        at("2026-11-21T08:00", "America/Los_Angeles"), "quiet_hours"
    )
