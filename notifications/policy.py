"""May this text go to this person now? A pure decision with a named reason, made again at the moment of sending."""

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from notifications import quiet_hours
from notifications.law import law
from notifications.messages import Channel, Purpose
from notifications.quiet_hours import Topic, Whose, Window

OrganizationState = Literal["trial", "shadow", "live"]
Reason = Literal[
    "shadow", "trial_number_not_listed", "no_gateway", "no_number", "opted_out", "no_consent", "patient_inactive",
    "deceased", "reason_gone", "too_late", "quiet_hours", "sink", "cannot_text", "stopped", "day_full", "week_full",
    "last_of_day",
]  # fmt: skip

SINK = "sink"  # where the synthetic patient's pages end: no telephone, and never given to a provider
STOPPED_LOOKS_AGAIN = timedelta(minutes=15)  # what a switch holds back goes when it is ended, unless it is moot by then
AT_ANY_HOUR = timedelta(minutes=15)  # so long after somebody wrote to us they look for the answer, also at night
ANSWER_MOOT = timedelta(hours=4)  # what we say by ourselves to a text of this morning confuses in the evening
STAFF_MOOT = timedelta(days=2)  # a person's own words wait for a morning, and for trouble at the provider to be mended
URGENT = 3  # of this priority or a lower number is what the last text of a day is kept for


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is true now of one message and its recipient.

    `moot_at`: from then on a reminder helps nobody, and an opt-out may no longer be confirmed. `region`: the US state
    they live in; `own`: the hours they chose; `reader_zone`: where it is read, when not where the patient lives, and
    then the other two are the reader's. `sent_today`, `sent_this_week`: reminders of every kind, by the patient's
    calendar, this one not among them. `urgent_later`: something of priority 3 or less is planned for later today.
    `consent_since`: when they agreed to this topic; `withdrew_at`: when they last withdrew any, of texts or calls.
    `waited_for`: why it was put off before. Of an answer, `written_at`, `by_staff`: a person's own words, and
    `answers_at`: when the text came that it answers.
    """

    purpose: Purpose
    zone: str
    to_number: str
    organization_state: OrganizationState
    trial_numbers: frozenset[str] = frozenset()
    topic: Topic = "monitoring"
    channel: Channel = "sms"
    to_staff: bool = False
    consent: bool = False
    consent_since: datetime | None = None
    withdrew_at: datetime | None = None
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
    reader_zone: str | None = None
    priority: int = 5
    sent_today: int = 0
    sent_this_week: int = 0
    a_day: int = 4
    a_week: int = 21
    urgent_later: bool = False
    waited_for: str | None = None
    written_at: datetime | None = None
    answers_at: datetime | None = None
    by_staff: bool = False

    @property
    def whose(self) -> Whose:
        """Whose quiet hours: of the one who receives it."""
        return Whose(zone=self.reader_zone or self.zone, topic=self.topic, region=self.region, own=self.own)


class Send(msgspec.Struct, frozen=True):
    """Go ahead."""


class Defer(msgspec.Struct, frozen=True):
    until: datetime
    reason: Reason


class Suppress(msgspec.Struct, frozen=True):
    """Never send it. `withheld` means: we would have, were the organization live. `after`: what it had waited for."""

    reason: Reason
    status: Literal["suppressed", "withheld"] = "suppressed"
    after: str | None = None

    @property
    def says(self) -> str:
        """As the ledger keeps it: of `too_late after day_full` one sees what made it late."""
        return f"{self.reason} after {self.after}" if self.after else self.reason


Decision = Send | Defer | Suppress


def decide(facts: Facts, now: datetime) -> Decision:
    """The first reason against sending wins; those that end the message come before those that delay it."""
    return (
        _person(facts)
        or _reason(facts, now)
        or _organization(facts)
        or (_stopped(facts, now) or _quiet(facts, now) or _full(facts, now) if facts.purpose == "reminder" else None)
        or _night(facts, now)
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
    if facts.opted_out and not facts.confirms_opt_out and _concerns(facts):
        return Suppress("opted_out")
    if facts.cannot_text:
        return Suppress("cannot_text")
    if facts.purpose != "reminder" or facts.to_staff:
        return None
    if not facts.patient_active:
        return Suppress("patient_inactive")
    return None if facts.consent and not _ended_with_another(facts) else Suppress("no_consent")


def _concerns(facts: Facts) -> bool:
    """STOP ends every text, and reminders by any way. Pages and safety still call: a carrier keeps back texts only."""
    return facts.channel == "sms" or facts.purpose not in {"page", "safety"}


def _ended_with_another(facts: Facts) -> bool:
    """From its day on, the law makes one withdrawal end every topic, until the patient agrees anew."""
    withdrew = facts.withdrew_at
    if withdrew is None or (facts.consent_since is not None and facts.consent_since >= withdrew):
        return False
    return withdrew.astimezone(ZoneInfo(facts.zone)).date() >= law().one_opt_out_ends_all.since


def _reason(facts: Facts, now: datetime) -> Suppress | None:
    if not facts.reason_still_there:
        return Suppress("reason_gone")
    moot_at = _moot_at(facts)
    return Suppress("too_late", after=facts.waited_for) if moot_at is not None and now >= moot_at else None


def _moot_at(facts: Facts) -> datetime | None:
    if facts.purpose == "reminder" or facts.confirms_opt_out:
        return facts.moot_at
    return _answer_moot_at(facts) if _answers_patient(facts) else None


def _answers_patient(facts: Facts) -> bool:
    return facts.purpose == "answer" and not facts.to_staff


def _answer_moot_at(facts: Facts) -> datetime | None:
    return facts.written_at and facts.written_at + (STAFF_MOOT if facts.by_staff else ANSWER_MOOT)


def _organization(facts: Facts) -> Suppress | None:
    if facts.organization_state == "shadow":
        return Suppress("shadow", "withheld")
    if facts.organization_state == "trial" and facts.to_number not in facts.trial_numbers:
        return Suppress("trial_number_not_listed", "withheld")
    return None


def _stopped(facts: Facts, now: datetime) -> Decision | None:
    return _not_before(now + STOPPED_LOOKS_AGAIN, facts, "stopped") if facts.stopped else None


def _quiet(facts: Facts, now: datetime) -> Decision | None:
    decision = _not_before(now, facts, "quiet_hours")
    return None if decision == Defer(now, "quiet_hours") else decision


def _night(facts: Facts, now: datetime) -> Decision | None:
    """An answer goes at any hour while it is looked for; later a person's words wait for the morning, ours are moot."""
    if not _answers_patient(facts) or _is_looked_for(facts, now):
        return None
    decision = _quiet(facts, now)
    return decision if decision is None or facts.by_staff else Suppress("too_late", after=facts.waited_for)


def _is_looked_for(facts: Facts, now: datetime) -> bool:
    """Soon after their own text; or soon after a person at night chose that it goes at night, as the page asks them."""
    written = facts.written_at or now
    if not facts.by_staff:
        return now - (facts.answers_at or written) <= AT_ANY_HOUR
    if facts.answers_at is not None and now - facts.answers_at <= AT_ANY_HOUR:
        return True
    return now - written <= AT_ANY_HOUR and not quiet_hours.is_open(written, facts.whose, law().hours)


def _full(facts: Facts, now: datetime) -> Decision | None:
    """Enough for today, or for seven days: it waits for tomorrow, and is dropped when it is moot by then."""
    full = _fullness(facts)
    if full is None:
        return None
    zone = ZoneInfo(facts.zone)
    tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)
    return _not_before(tomorrow, facts, full)


def _fullness(facts: Facts) -> Reason | None:
    if facts.sent_today >= facts.a_day:
        return "day_full"
    if facts.sent_this_week >= facts.a_week:
        return "week_full"
    kept = facts.urgent_later and facts.priority > URGENT
    return "last_of_day" if kept and facts.sent_today == facts.a_day - 1 else None


def _not_before(at: datetime, facts: Facts, reason: Reason) -> Decision:
    """Deferred to the first open moment from `at` on; never, when law and the patient's own hours leave none."""
    opening = quiet_hours.next_opening(at, facts.whose, law().hours)
    return Defer(opening, reason) if opening else Suppress("quiet_hours")
