"""May this text go to this person now? A pure decision with a named reason, made again at the moment of sending."""

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from notifications.messages import Purpose

OrganizationState = Literal["trial", "shadow", "live"]
Topic = Literal["monitoring", "outreach"]
Reason = Literal[
    "shadow", "trial_number_not_listed", "no_gateway", "no_number", "opted_out", "no_consent", "patient_inactive",
    "deceased", "reason_gone", "too_late", "quiet_hours", "sink", "cannot_text", "stopped", "day_full", "week_full",
]  # fmt: skip

SINK = "sink"  # where the synthetic patient's pages end: no telephone, and never given to a provider
STOPPED_LOOKS_AGAIN = timedelta(minutes=15)  # what a switch holds back goes when it is ended, unless it is moot by then


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Local hours in which a text may arrive: from `opens` until just before `closes`."""

    opens: time
    closes: time


FEDERAL = Window(opens=time(8), closes=time(21))  # 47 CFR 64.1200(c)(1)
STRICTEST_STATES = Window(opens=time(8), closes=time(20))  # FL, OK, MD: a patient's state is not known


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is true now of one message and its recipient.

    `moot_at`: from then on a reminder helps nobody. `region`: the US state they live in; `own`: the hours they chose.
    `sent_today`, `sent_this_week`: reminders of every kind, by the patient's calendar, this one not among them.
    """

    purpose: Purpose
    zone: str
    to_number: str
    organization_state: OrganizationState
    trial_numbers: frozenset[str] = frozenset()
    topic: Topic = "monitoring"
    to_staff: bool = False
    consent: bool = False
    opted_out: bool = False
    confirms_opt_out: bool = False
    patient_active: bool = True
    patient_deceased: bool = False
    cannot_text: bool = False
    reason_still_there: bool = True
    moot_at: datetime | None = None
    stopped: bool = False
    region: str | None = None
    own: Window | None = None
    priority: int = 5
    sent_today: int = 0
    sent_this_week: int = 0
    a_day: int = 4
    a_week: int = 21


class Send(msgspec.Struct, frozen=True):
    """Go ahead."""


class Defer(msgspec.Struct, frozen=True):
    until: datetime
    reason: Reason


class Suppress(msgspec.Struct, frozen=True):
    """Never send it. `withheld` means: we would have, were the organization live."""

    reason: Reason
    status: Literal["suppressed", "withheld"] = "suppressed"


Decision = Send | Defer | Suppress


def decide(facts: Facts, now: datetime) -> Decision:
    """The first reason against sending wins; those that end the message come before those that delay it."""
    return (
        _person(facts)
        or _reason(facts, now)
        or _organization(facts)
        or (_stopped(facts, now) or _quiet(facts, now) or _full(facts, now) if facts.purpose == "reminder" else None)
        or Send()
    )


def _person(facts: Facts) -> Suppress | None:
    if not facts.to_number:
        return Suppress("no_number")
    if facts.to_number == SINK:
        return Suppress("sink", "withheld")
    # Whatever it is for, and whoever of the family would read it; what staff are told goes on.
    if facts.patient_deceased and not facts.to_staff:
        return Suppress("deceased")
    if facts.opted_out and not facts.confirms_opt_out:
        return Suppress("opted_out")
    if facts.cannot_text:
        return Suppress("cannot_text")
    if facts.purpose != "reminder" or facts.to_staff:
        return None
    if not facts.patient_active:
        return Suppress("patient_inactive")
    return None if facts.consent else Suppress("no_consent")


def _reason(facts: Facts, now: datetime) -> Suppress | None:
    if not facts.reason_still_there:
        return Suppress("reason_gone")
    late = facts.moot_at is not None and now >= facts.moot_at
    return Suppress("too_late") if late and facts.purpose == "reminder" else None


def _organization(facts: Facts) -> Suppress | None:
    if facts.organization_state == "shadow":
        return Suppress("shadow", "withheld")
    if facts.organization_state == "trial" and facts.to_number not in facts.trial_numbers:
        return Suppress("trial_number_not_listed", "withheld")
    return None


def _stopped(facts: Facts, now: datetime) -> Defer | None:
    return Defer(now + STOPPED_LOOKS_AGAIN, "stopped") if facts.stopped else None


def _full(facts: Facts, now: datetime) -> Defer | None:
    """Enough for today, or for seven days: it waits for tomorrow, and is dropped when it is moot by then."""
    full: Reason | None = (
        "day_full" if facts.sent_today >= facts.a_day else "week_full" if facts.sent_this_week >= facts.a_week else None
    )
    if full is None:
        return None
    zone = ZoneInfo(facts.zone)
    tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)
    return Defer(next_opening(tomorrow, zone, window_for(facts.topic)), full)


def _quiet(facts: Facts, now: datetime) -> Defer | None:
    opening = next_opening(now, ZoneInfo(facts.zone), window_for(facts.topic))
    return Defer(opening, "quiet_hours") if opening > now else None


def window_for(topic: Topic) -> Window:
    """Outreach for a gap solicits, so the strictest hours hold; a reminder to measure is care."""
    return STRICTEST_STATES if topic == "outreach" else FEDERAL


def next_opening(now: datetime, zone: ZoneInfo, window: Window) -> datetime:
    """`now` when the window is open, else the moment (UTC) at which it opens next on the patient's clock."""
    local = now.astimezone(zone)
    if window.opens <= local.time() < window.closes:
        return now
    day = local.date() if local.time() < window.opens else local.date() + timedelta(days=1)
    return datetime.combine(day, window.opens, tzinfo=zone).astimezone(UTC)
