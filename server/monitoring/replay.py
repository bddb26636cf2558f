"""Readings of one patient judged again, in the order in which the server came to know of them. Pure."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from server.monitoring import rules, schedule, windows
from server.monitoring.episodes import Found
from server.monitoring.findings import Age, Finding, older_readings
from server.monitoring.limits import Limit
from server.monitoring.parameters import Average, Flagged, Missing, Sustained
from server.monitoring.rules import Measured
from server.monitoring.schedule import Window
from server.monitoring.stored_readings import Reading
from server.monitoring.windows import Fact, SeriesRule

# As devices.quality has it (LATE): what came more than a day after it was measured is history and pages nobody.
HISTORIC_AFTER = timedelta(hours=24)
SERIES_HISTORIC_AFTER = timedelta(days=7)  # as flows.series has it, of what whole days show


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of missing measurements, and the windows in which the patient could have measured, in order.

    `also`: when they measured otherwise than with a device, which the server knew at once.
    """

    rule: SeriesRule
    windows: tuple[Window, ...]
    also: tuple[datetime, ...] = ()


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever judges one patient."""

    limits: tuple[Limit, ...] = ()
    series: tuple[SeriesRule, ...] = ()
    awaited: tuple[Awaited, ...] = ()


def found(readings: Sequence[Reading], by: RuleSet, until: datetime) -> list[Found]:
    """What these rules find in the readings of one patient that were received by `until`."""
    come = [one for one in readings if one.received_at <= until]
    over = [one for rule in by.series for one in over_series(come, rule, until)]
    silent = [one for awaited in by.awaited for one in missing(come, awaited, until)]
    return [*crossed(come, by.limits), *over, *silent]


def crossed(readings: Sequence[Reading], limits: Sequence[Limit]) -> list[Found]:
    """Every crossing, known when its reading was received."""
    received = {one.point.id: one.received_at for one in readings}
    judged = rules.judge(map(_measured, readings), {one.patient_id: limits for one in readings[:1]})
    return [_found(finding, received[finding.anchor]) for finding in judged]


def _measured(one: Reading) -> Measured:
    age: Age = "historic" if one.received_at - one.point.measured_at > HISTORIC_AFTER else "live"
    return Measured(
        id=one.point.id, organization_id=one.organization_id, patient_id=one.patient_id, kind=one.point.kind,
        values=one.point.values, out_of_range=one.point.out_of_range, measured_at=one.point.measured_at, age=age,
    )  # fmt: skip


def _found(finding: Finding, at: datetime) -> Found:
    return Found(
        patient_id=finding.patient_id, rule_id=finding.rule_id, filed_under=finding.filed_under,
        anchor=str(finding.anchor), severity=finding.severity, measured_at=finding.measured_at, at=at,
    )  # fmt: skip


def over_series(readings: Sequence[Reading], rule: SeriesRule, until: datetime) -> list[Found]:
    """Every fact, known when the last of its readings was received and its days were over.

    What came late changes what is a fact; so each day that was judged before all of it had come is judged as it was
    known then, too. A fact that a late reading took back had opened its alert all the same.
    """
    if not readings:
        return []
    received = {one.point.id: one.received_at for one in readings}
    zone = readings[-1].zone
    moments = [(until, windows.last_day(rule.parameters, until, zone)), *_too_early(readings, zone, until)]
    facts: dict[str, Found] = {}
    for then, day in moments:
        points = [one.point for one in readings if one.received_at <= then]
        for fact in windows.judge(rule, points, day):
            one = _known(fact, rule, readings[0], received, zone)
            facts[one.anchor] = min(one, facts.get(one.anchor, one), key=lambda f: f.at)
    return list(facts.values())


def _too_early(readings: Sequence[Reading], zone: ZoneInfo, until: datetime) -> Iterator[tuple[datetime, date]]:
    """The mornings on which a day was judged of which something had not come yet."""
    behind: set[date] = set()
    for one in readings:
        day = one.point.local_date
        while schedule.morning_after(day, zone) < min(one.received_at, until):
            behind.add(day)
            day += timedelta(days=1)
    return ((schedule.morning_after(day, zone), day) for day in sorted(behind))


def _known(
    fact: Fact, rule: SeriesRule, of: Reading, received: dict[uuid.UUID, datetime], zone: ZoneInfo
) -> Found:  # fmt: skip
    came = [received[identity] for identity, _ in fact.evidence]
    if isinstance(rule.parameters, Average | Sustained):
        over = schedule.morning_after(fact.day, zone)
        return _of_fact(fact, rule, of, max(over, *came), historic=max(came) - over > SERIES_HISTORIC_AFTER)
    at = min(came) if isinstance(rule.parameters, Flagged) else max(came)
    return _of_fact(fact, rule, of, at, historic=at - fact.measured_at > HISTORIC_AFTER)


def _of_fact(fact: Fact, rule: SeriesRule, of: Reading, at: datetime, *, historic: bool = False) -> Found:
    return Found(
        patient_id=of.patient_id, rule_id=rule.rule_id, anchor=fact.anchor, severity=fact.severity,
        filed_under=older_readings(of.organization_id) if historic else rule.rule_id,
        measured_at=fact.measured_at, at=at,
    )  # fmt: skip


def missing(readings: Sequence[Reading], awaited: Awaited, until: datetime) -> list[Found]:
    """Every silence, known when its last window counted as missed; also one that readings on their way broke later.

    Who measured nothing at all has no zone here, and is left out.
    """
    if not readings:
        return []
    rule, zone = awaited.rule, readings[-1].zone
    assert isinstance(rule.parameters, Missing)
    settled = {window.name: schedule.settled_at(window, zone) for window in awaited.windows}
    own = [one for one in readings if one.point.kind == rule.vital]
    facts: dict[str, Found] = {}
    for then in [until, *_not_come_yet(own, awaited.windows, settled)]:
        measured = [*awaited.also, *(one.point.measured_at for one in own if one.received_at <= then)]
        for fact in schedule.missed(rule.vital, rule.parameters, awaited.windows, measured, zone, then):
            at = settled[fact.anchor.removeprefix(f"missed:{rule.vital}:")]
            facts[fact.anchor] = _of_fact(fact, rule, readings[0], at)
    return list(facts.values())


def _not_come_yet(
    readings: Sequence[Reading], expected: Sequence[Window], settled: Mapping[str, datetime]
) -> Iterator[datetime]:
    """When windows counted as missed although the measurement was made and still on its way."""
    late = [one for one in readings if one.received_at - one.point.measured_at > schedule.GRACE]
    return (
        settled[window.name]
        for window in expected
        if any(one.point.measured_at < settled[window.name] < one.received_at for one in late)
    )
