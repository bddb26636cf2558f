"""The words of an alert's own page: how a time is known, whose a limit is, and what became of the alert."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring.alert_history import Line
from server.monitoring.explained import Evidence
from server.monitoring.findings import Side
from server.monitoring.rule_text import Level
from server.monitoring.usual import Usual
from server.web import facts, shown

WORSE: Final = ("low", "medium", "high")


def clock(one: Evidence) -> str:
    """ "time from the device", "corrected by 12 min: the device's clock is slow", "time of arrival: …"."""
    if one.source != "device":
        return f"{shown.SOURCES[one.source]}, time as given"
    if one.clock_basis == "received":
        return "time of arrival: the device's own clock could not be used"
    if one.clock_basis != "corrected":
        return "time from the device"
    by = _corrected(one)
    if by is None:
        return "corrected: the device's clock is known to be off"
    return f"corrected by {_length(abs(by))}: the device's clock is {'slow' if by > timedelta() else 'fast'}"


def _corrected(one: Evidence) -> timedelta | None:
    try:
        told = datetime.fromisoformat(one.measured_at_raw or "")
    except ValueError:
        return None
    zoned = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(one.zone))
    return one.measured_at - zoned.astimezone(UTC)


def _length(of: timedelta) -> str:
    minutes = round(of / timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def whose(level: Level, zone: str, now: datetime) -> str:
    """ "This patient's own, set by Dr Ford since Nov 2 until Nov 30: dry weight after discharge."."""
    if level.whose == "general":
        return "the rule's general limit"
    if level.whose == "programme":
        return f"the limit of the programme {level.programme}"
    since = f" since {shown.day(level.since, zone, now)}" if level.since else ""
    until = f" until {shown.day(level.until, zone, now)}" if level.until else ""
    locked = ", locked" if level.locked else ""
    return f"this patient's own limit, set by {level.author}{since}{until}{locked}: {level.reason}"


def limit(level: Level, metric: str, side: Side) -> str:
    """ "≥180 mmHg systolic", "<54 mg/dL"."""
    name = metric.removesuffix("_mmhg")
    which = f" {name}" if name != metric else ""
    return f"{shown.SIDES[side]}{level.value.normalize():f} {shown.METRIC_UNITS.get(metric, '')}{which}".strip()


def other_scale(weight: Evidence, began: datetime) -> str:
    """ "This is the first weight on another scale (since Nov 2); the dry weight was set before. …"."""
    day = shown.day(began, weight.zone, weight.measured_at)
    what = "the first weight" if weight.measured_at == began else "a weight"
    return (
        f"This is {what} on another scale (since {day}); the dry weight was set before. "
        "Weigh again, compare, and set the dry weight anew."
    )


def average(usual: Usual) -> str:
    """ "138/86 mmHg, of 21 readings", or that there are not enough."""
    if usual.values is None:
        return f"not enough readings ({usual.count} in those seven days)"
    numbers = "/".join(f"{value:.0f}" if len(usual.values) > 1 else shown.number(value) for value in usual.values)
    return f"{numbers} {shown.METRIC_UNITS[usual.metrics[0]]}, of {usual.count} readings"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    at: datetime
    says: str


def history(lines: Iterable[Line], zone: str, now: datetime) -> list[Told]:
    """In plain words; a severity counts when it is worse than what was found before."""
    found: list[Told] = []
    worst = -1
    for line in lines:
        if line.what == "severity":
            rank = WORSE.index(line.detail["severity"])
            if rank <= worst:
                continue
            says = f"{'Opened as' if worst < 0 else 'Became'} {line.detail['severity']}"
            worst = rank
        else:
            says = _did(line, zone, now)
        found.append(Told(at=line.at, says=says))
    return found


def _did(line: Line, zone: str, now: datetime) -> str:
    who, detail = line.who or "Careloop", line.detail
    match line.what:
        case "acknowledge":
            return f"Taken by {who}"
        case "resolve":
            return f"Resolved by {who}: {shown.OUTCOMES.get(detail.get('outcome', ''), 'no outcome')}"
        case "return":
            return f"Back on the list: {facts.RETURNED.get(detail.get('why', ''), 'it was not finished')}"
        case "snooze":
            return _snoozed(line, who, zone, now)
        case "wake":
            return f"Woken by {who}"
        case "lower":
            return f"Lowered to medium by {who}, after a later reading"
        case "raise":
            return f"Raised to high again by {who}"
    return f"{shown.plain(line.what).capitalize()} by {who}"


def _snoozed(line: Line, who: str, zone: str, now: datetime) -> str:
    reason = facts.SNOOZE_REASONS.get(line.detail.get("reason", ""), "")
    note = f" {line.detail['note']}" if line.detail.get("note") else ""
    until = shown.moment(datetime.fromisoformat(line.detail["until"]), zone, now)
    return f"Snoozed by {who} until {until}: {reason}.{note}"
