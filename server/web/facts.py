"""How a finding reads in one line: what was measured or did not come, and against what; one shape per kind of rule."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from server.monitoring.lowerings import Proposal
from server.monitoring.parameters import Count, Flagged, Missing, Sustained, Trend
from server.monitoring.worklist import Crossing
from server.web import shown

PAIRED: Final = {"systolic_mmhg", "diastolic_mmhg"}
UPPER: Final = {"above", "at_or_above"}


def headline(crossing: Crossing, zone: str, now: datetime) -> str:
    """ "192/124 mmHg", "7-day average 138/86 mmHg (21 readings)", "+1.9 kg in 1 day (same scale)"."""
    made = KINDS.get(crossing.rule_kind)
    return made(crossing, zone, now) if made else shown.crossed_value(crossing)


def against(crossing: Crossing) -> str:
    """ "limit ≥180/120", "goal below 130/80", or nothing where the headline says it."""
    if crossing.rule_kind == "crossing":
        return f"limit {shown.crossed_limit(crossing)}"
    if crossing.rule_kind == "average":
        return f"goal {'below' if crossing.side in UPPER else 'above'} {_levels(crossing)}"
    if crossing.rule_kind == "trend":
        return f"limit +{_exact(crossing.limit_value)} {shown.METRIC_UNITS.get(crossing.metric, '')}".strip()
    return ""


def _average(crossing: Crossing, zone: str, now: datetime) -> str:
    paired = crossing.metric in PAIRED and crossing.systolic_mmhg is not None and crossing.diastolic_mmhg is not None
    if paired:
        mean = f"{crossing.systolic_mmhg:.0f}/{crossing.diastolic_mmhg:.0f} mmHg"
    else:
        mean = f"{shown.number(crossing.value)} {shown.METRIC_UNITS.get(crossing.metric, '')}".strip()
    return f"7-day average {mean} ({_many(crossing.readings, 'reading')})"


def _sustained(crossing: Crossing, zone: str, now: datetime) -> str:
    days = crossing.parameters.days if isinstance(crossing.parameters, Sustained) else 0
    return f"{days} measured days in a row {_over(crossing)} {_levels(crossing)}"


def _count(crossing: Crossing, zone: str, now: datetime) -> str:
    within = f" within {crossing.parameters.days} days" if isinstance(crossing.parameters, Count) else ""
    return f"{_many(crossing.readings, 'reading')} {_over(crossing)} {_levels(crossing)}{within}"


def _trend(crossing: Crossing, zone: str, now: datetime) -> str:
    spans = crossing.parameters.spans if isinstance(crossing.parameters, Trend) else ()
    days = next((span.days for span in spans if span.gain == crossing.limit_value), None)
    within = f" in {_many(days, 'day')}" if days else ""
    return f"+{shown.number(crossing.value)} {shown.METRIC_UNITS.get(crossing.metric, '')}{within} (same scale)"


def _flag(crossing: Crossing, zone: str, now: datetime) -> str:
    flag = crossing.parameters.flag if isinstance(crossing.parameters, Flagged) else crossing.metric
    local, today = crossing.measured_at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    when = "today" if local.date() == today.date() else f"on {shown.day(crossing.measured_at, zone, now)}"
    return f"{shown.plain(flag).capitalize()} flagged, {_many(crossing.readings, 'reading')} {when}"


def _missing(crossing: Crossing, zone: str, now: datetime) -> str:
    windows = crossing.parameters.windows if isinstance(crossing.parameters, Missing) else 0
    missed = int(crossing.value) if crossing.value is not None else windows
    what = f"No {shown.vital(crossing.vital).lower()} for {_many(missed, 'expected measurement')}"
    if crossing.heard_at is None:
        return f"{what}; the device was never heard"
    heard = shown.ago(crossing.heard_at, now)
    return (
        f"{what}; {'the device itself is silent, last' if crossing.device_silent else 'the device was'} heard {heard}"
    )


KINDS: Final[dict[str, Callable[[Crossing, str, datetime], str]]] = {
    "average": _average, "sustained": _sustained, "count": _count, "trend": _trend, "flag": _flag,
    "missing": _missing,
}  # fmt: skip


def _levels(crossing: Crossing) -> str:
    """ "160/100", or the one number."""
    return shown.crossed_limit(crossing).lstrip("".join(shown.SIDES.values()))


def _over(crossing: Crossing) -> str:
    return {"at_or_above": "at or over", "above": "over", "at_or_below": "at or under", "below": "under"}[crossing.side]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _exact(value: Decimal) -> str:
    """1.36 stays 1.36: a limit is not rounded."""
    return f"{value.normalize():f}"


def late(crossing: Crossing, zone: str, now: datetime) -> str:
    """ "measured 03:10, arrived 14:22": both times of what did not come at once."""
    measured = f"measured {shown.moment(crossing.measured_at, zone, now)}"
    return f"{measured}, arrived {shown.moment(crossing.received_at, zone, now)}" if crossing.received_at else measured


def later(proposal: Proposal, zone: str, now: datetime) -> str:
    """ "132/84 at 08:10": the reading that speaks for lowering."""
    if proposal.metric in PAIRED and proposal.systolic_mmhg is not None and proposal.diastolic_mmhg is not None:
        numbers = f"{shown.number(proposal.systolic_mmhg)}/{shown.number(proposal.diastolic_mmhg)}"
    else:
        numbers = f"{shown.number(proposal.value)} {shown.METRIC_UNITS.get(proposal.metric, '')}".strip()
    return f"{numbers} at {shown.moment(proposal.measured_at, zone, now)}"


# Why an alert can wait, as a nurse says it; the order is that of the keys 1–6.
SNOOZE_REASONS: Final = {
    "measure_again": "The patient measures again later",
    "call_arranged": "A call or visit is arranged",
    "treatment_changed": "Treatment was changed and needs time",
    "clinician_knows": "The clinician knows and watches",
    "device": "Device or technique is being looked at",
    "other": "Something else (say what)",
}
SNOOZE_HOURS: Final = (4, 24, 72)
RETURNED: Final = {
    "no_outcome": "nobody said in time what came of it",
    "off_shift": "whoever had it went off shift or left",
    "snooze_over": "the snooze was over",
    "new_cry": "a new cry for help",
    "worse": "it got worse",
}  # why what somebody had is open again
SNOOZE_ENDED: Final = {
    "expired": "its time was over", "worse": "it got worse", "woken": "woken", "answered": "somebody answered",
}  # fmt: skip
FILTERS: Final = (headline, against, late, later)
GLOBALS: Final = {
    "snooze_reasons": SNOOZE_REASONS, "snooze_hours": SNOOZE_HOURS, "snooze_ended": SNOOZE_ENDED, "returned": RETURNED,
}  # fmt: skip
