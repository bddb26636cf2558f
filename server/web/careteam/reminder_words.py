"""Plain words for what the ledger of reminders keeps in codes: kinds, fates, reasons; and its picture."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from server.outreach.reminder_rules import ReminderRule
from server.outreach.switches import Scope
from server.outreach.tally import Count, Fate
from server.web.shown import MEASURES, plain

KINDS: Final[Mapping[str, str]] = {
    "measurement": "Measure at home",
    "medicine": "Medicine",
    "refill": "Refill",
    "appointment": "Appointment",
    "questionnaire": "Questionnaire",
    "education": "Education",
    "screening": "Screening",
    "vaccination": "Vaccination",
}
FATES: Final[Mapping[Fate, str]] = {
    "planned": "Planned",
    "sent": "Sent",
    "waiting": "Put off",
    "dropped": "Dropped",
    "failed": "Failed",
    "withheld": "Shown only",
}
REASONS: Final[Mapping[str, str]] = {
    "stopped": "stopped by a switch",
    "day_full": "enough for that day",
    "week_full": "enough in seven days",
    "last_of_day": "the day's last was kept for something more urgent",
    "quiet_hours": "outside the hours for texts",
    "opted_out": "they asked us to stop",
    "no_consent": "no consent to these texts",
    "patient_inactive": "not monitored now",
    "deceased": "has died",
    "reason_gone": "done, booked or ended meanwhile",
    "too_late": "too late to help",
    "no_number": "no telephone number",
    "cannot_text": "the number cannot get texts",
    "wrong_number": "somebody there says that it is not theirs",
    "shadow": "this organization only shows",
    "trial_number_not_listed": "not one of the test numbers",
}


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a bar, in percent of its length."""

    fate: Fate
    start: float
    width: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One kind: its counts by fate, their picture, and why some did not go."""

    kind: str
    counts: dict[Fate, int]
    segments: list[Segment]
    whys: list[tuple[Fate, str, int]]


def why(code: str | None) -> str:
    """ "too late to help after waiting: enough for that day", "the provider's error 30005"."""
    if code is None:
        return "no reason was kept"
    if code.isdecimal():
        return f"the provider's error {code}"
    reason, _, waited = code.partition(" after ")
    first = REASONS.get(reason, plain(reason))
    return f"{first} after waiting: {REASONS.get(waited, plain(waited))}" if waited else first


def lines(counts: Sequence[Count]) -> list[Line]:
    """One for each kind that has any, in the order of `KINDS`."""
    kinds = {one.kind for one in counts}
    return [_line(kind, [one for one in counts if one.kind == kind]) for kind in KINDS if kind in kinds]


def _line(kind: str, counts: Sequence[Count]) -> Line:
    by_fate: dict[Fate, int] = {
        fate: sum(one.reminders for one in counts if one.fate == fate) for fate in FATES
    }  # fmt: skip
    whys = [(one.fate, why(one.why), one.reminders) for one in counts if one.fate not in {"planned", "sent"}]
    return Line(kind=KINDS[kind], counts=by_fate, segments=_segments(by_fate), whys=whys)


def _segments(by_fate: Mapping[Fate, int]) -> list[Segment]:
    total, start, made = max(sum(by_fate.values()), 1), 0.0, []
    for fate, count in by_fate.items():
        width = 100 * count / total
        if count:
            made.append(Segment(fate=fate, start=round(start, 2), width=round(width, 2)))
        start += width
    return made


def scope(one: Scope, clinic: str | None) -> str:
    """ "All reminders", "Screening reminders at North Clinic", "Breast cancer screening everywhere"."""
    if one.measure:
        what = f"{MEASURES.get(one.measure, plain(one.measure).capitalize())} reminders"
    else:
        what = f"{KINDS.get(one.kind, plain(one.kind))} reminders" if one.kind else "All reminders"
    return f"{what} at {clinic}" if clinic else what


def about(rule: ReminderRule) -> str:
    """Whom or what a rule reminds of: a measure, a programme, a series."""
    if rule.measure:
        return MEASURES.get(rule.measure, plain(rule.measure).capitalize())
    parts = [rule.programme or "", plain(rule.subject).capitalize() if rule.subject else ""]
    return ": ".join(part for part in parts if part) or "every patient"


def when(rule: ReminderRule) -> str:
    """ "at 10:00 after 3 days without a reading", on the patient's own clock."""
    days = "1 day" if rule.after_days == 1 else f"{rule.after_days} days"
    hour = f"at {rule.local_hour:02d}:00"
    match rule.kind:
        case "medicine":
            return "at the hours each medicine is taken"
        case "appointment":
            return f"{rule.hours_before or 0} hours before it begins"
        case "measurement":
            return f"{hour}, after {days} without a reading"
        case "refill":
            return f"{hour}, {days} before it runs out"
        case "education":
            return f"{hour}, a part every {days}"
    return f"{hour}, every {days}"
