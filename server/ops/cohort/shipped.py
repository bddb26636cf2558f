"""The rules a clinic starts with, as they judge a patient of the hypertension programme: defaults, not a database."""

import functools
import uuid
from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from server.monitoring import defaults, schedule
from server.monitoring.defaults.shapes import Rule
from server.monitoring.findings import older_readings
from server.monitoring.limits import UPPER, Limit
from server.monitoring.parameters import Missing
from server.monitoring.replay import Awaited, RuleSet
from server.monitoring.schedule import Expected
from server.monitoring.windows import SeriesRule

ORGANIZATION = uuid.uuid5(uuid.NAMESPACE_OID, "cohort")
ENROLLED: tuple[defaults.Code, ...] = ("general", "hypertension")


@functools.cache
def rules(zone: ZoneInfo, first: date, last: date) -> RuleSet:
    """Whatever judges such a patient: the general rules and the programme's, the stricter level of both.

    Measurements are expected from `first` to `last`, on the programme's windows.
    """
    ours = [rule for rule in defaults.RULES if set(rule.programmes) & set(ENROLLED)]
    return RuleSet(
        limits=tuple(limit for rule in ours if rule.parameters is None for limit in levels(rule)),
        series=tuple(_series(rule) for rule in ours if not isinstance(rule.parameters, Missing | None)),
        awaited=tuple(_awaited(rule, zone, first, last) for rule in ours if isinstance(rule.parameters, Missing)),
    )


def codes() -> dict[uuid.UUID, str]:
    """The code of each rule by its id, the one for older readings included."""
    return {rule_id(rule): rule.code for rule in defaults.RULES} | {older_readings(ORGANIZATION): "older_readings"}


def rule_id(rule: Rule) -> uuid.UUID:
    return uuid.uuid5(ORGANIZATION, rule.code)


def levels(rule: Rule) -> tuple[Limit, ...]:
    """The strictest of each kind; a level without a number holds for nobody here."""
    given = [*rule.levels, *(level for code in ENROLLED for level in rule.stricter.get(code, ()))]
    strictest: dict[tuple[str, str, str], Limit] = {}
    for limit in _limits(rule, given):
        key = (limit.metric, limit.side, limit.severity)
        strictest[key] = min(strictest.get(key, limit), limit, key=_looseness)
    return tuple(strictest.values())


def _limits(rule: Rule, given: Iterable[defaults.Level]) -> Iterable[Limit]:
    return (
        Limit(
            rule_id=rule_id(rule), rule_version_id=rule_id(rule), vital=rule.vital, metric=level.metric,
            side=level.side, severity=level.severity, value=Decimal(str(level.value)),
        )
        for level in given
        if level.value is not None
    )  # fmt: skip


def _looseness(limit: Limit) -> Decimal:
    return limit.value if limit.side in UPPER else -limit.value


def _series(rule: Rule) -> SeriesRule:
    assert rule.parameters is not None
    return SeriesRule(
        rule_id=rule_id(rule), rule_version_id=rule_id(rule), vital=rule.vital, parameters=rule.parameters,
        levels=levels(rule),
    )  # fmt: skip


def _awaited(rule: Rule, zone: ZoneInfo, first: date, last: date) -> Awaited:
    expected = [
        Expected(opens=_minutes(one.opens), closes=_minutes(one.closes), weekdays=one.weekdays)
        for one in defaults.PROGRAMMES["hypertension"].expects
        if one.vital == rule.vital
    ]
    return Awaited(rule=_series(rule), windows=tuple(schedule.windows(expected, zone, first, last)))


def _minutes(of_day: time) -> int:
    return of_day.hour * 60 + of_day.minute
