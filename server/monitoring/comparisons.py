"""Two versions of a rule side by side: alerts per week, which would not come any more, and which would be new."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from server.monitoring.episodes import Episode
from server.monitoring.rules import SEVERITIES


class WeekCount(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts opened in the week (UTC) that begins on `monday`."""

    monday: date
    before: int
    after: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`missed`: alerts that would not come; `new`: that would come beside them; `milder`: that would be less severe.

    Of the `patients` the rule judges, `readings` were judged. Enrolments and patients' own limits are today's, and
    each alert is answered as promptly as `episodes.PROMPT` says.
    """

    weeks: list[WeekCount]
    missed: list[Episode]
    new: list[Episode]
    milder: list[Episode]
    before_per_week: float
    after_per_week: float
    patients: int
    readings: int


def compared(
    before: Sequence[Episode], after: Sequence[Episode], near: timedelta, *, since: datetime, now: datetime,
    patients: int, readings: int,
) -> Comparison:  # fmt: skip
    """An alert answers another of the patient when it stood at the same time, or was opened so near to it.

    So it does when both rest on one reading: then both stood when that came. What was opened before `since` answers,
    and is not counted.
    """
    was, would = _by_patient(before), _by_patient(after)
    before, after = ([one for one in side if one.opened_at >= since] for side in (before, after))
    answers = [(one, _answering(one, would, near)) for one in before]
    return Comparison(
        weeks=_weeks(before, after, since, now),
        missed=[one for one, found in answers if not found],
        new=[one for one in after if not _answering(one, was, near)],
        milder=[one for one, found in answers if found and max(map(_rank, found)) < _rank(one)],
        before_per_week=_per_week(before, since, now), after_per_week=_per_week(after, since, now),
        patients=patients, readings=readings,
    )  # fmt: skip


def _by_patient(alerts: Iterable[Episode]) -> dict[uuid.UUID, list[Episode]]:
    found: dict[uuid.UUID, list[Episode]] = {}
    for one in alerts:
        found.setdefault(one.patient_id, []).append(one)
    return found


def _answering(one: Episode, others: Mapping[uuid.UUID, Sequence[Episode]], near: timedelta) -> list[Episode]:
    return [
        other
        for other in others.get(one.patient_id, ())
        if (other.opened_at < one.resolved_at and one.opened_at < other.resolved_at)
        or abs(other.opened_at - one.opened_at) <= near
    ]


def _rank(one: Episode) -> int:
    return SEVERITIES.index(one.severity)


def _weeks(before: Iterable[Episode], after: Iterable[Episode], since: datetime, now: datetime) -> list[WeekCount]:
    """Every week of the span, also those in which nothing happened."""
    was, would = (Counter(_monday(one.opened_at.date()) for one in side) for side in (before, after))
    first, last = _monday(since.date()), _monday(now.date())
    mondays = [first + timedelta(weeks=n) for n in range((last - first).days // 7 + 1)]
    return [WeekCount(monday=one, before=was[one], after=would[one]) for one in mondays]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _per_week(alerts: Sequence[Episode], since: datetime, now: datetime) -> float:
    return round(len(alerts) / ((now - since) / timedelta(weeks=1)), 3) if now > since else 0.0
