"""Which rules over a series apply to a patient now, with which levels, and since when nothing of that changed.

What was found under other rules stays as it was found: a new version, another programme or limits of a patient's own
are no reason to find things in weeks that are over.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from server.db.pool import Db
from server.monitoring import parameters, schedule
from server.monitoring.limits import UPPER, Limit
from server.monitoring.parameters import Missing, Parameters
from server.monitoring.schedule import Expected
from server.monitoring.windows import SeriesRule

Level = tuple[str, str, str]  # metric, side, severity


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """`rebaseline_from`: when they came back from a pause; what was missed before is nobody's."""

    id: uuid.UUID
    organization_id: uuid.UUID
    zone: str
    active: bool
    rebaseline_from: datetime | None


class Applying(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of one patient. `since`: nothing that decides it changed after. `expected`: of what may be missing."""

    rule: SeriesRule
    since: datetime
    expected: tuple[Expected, ...] = ()


PATIENTS = """
    SELECT id, organization_id, zone, monitoring_status = 'active' AS active, rebaseline_from
      FROM patient WHERE id = ANY($1) AND NOT synthetic
"""


async def patients(db: Db, asked: Sequence[uuid.UUID]) -> list[Patient]:
    """Without the synthetic ones, who have no series."""
    return [Patient(**dict(row)) for row in await db.fetch(PATIENTS, list(asked))]


class Enrolled(msgspec.Struct, frozen=True):
    patient_id: uuid.UUID
    programme_id: uuid.UUID
    valid_from: datetime
    valid_to: datetime | None


class Version(msgspec.Struct, frozen=True):
    """The current version of a rule that a programme carries."""

    programme_id: uuid.UUID
    rule_id: uuid.UUID
    vital: str
    id: uuid.UUID
    parameters: str
    valid_from: datetime


class Own(msgspec.Struct, frozen=True):
    patient_id: uuid.UUID
    rule_id: uuid.UUID
    metric: str
    side: str
    severity: str
    value: Decimal
    valid_from: datetime
    valid_to: datetime | None


ENROLMENTS = """
    SELECT patient_id, programme_id, valid_from, valid_to FROM enrolment
     WHERE patient_id = ANY($1) AND valid_from <= $2
"""
VERSIONS = """
    SELECT g.programme_id, r.id, r.vital, v.id, v.parameters #>> '{}', v.valid_from
      FROM programme_rule g
      JOIN rule r ON r.id = g.rule_id AND r.kind <> 'crossing'
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
     WHERE g.programme_id = ANY($1)
"""
LEVELS = """
    SELECT rule_version_id, NULL::uuid AS programme_id, metric, side, severity, value
      FROM rule_limit WHERE rule_version_id = ANY($1)
     UNION ALL
    SELECT rule_version_id, programme_id, metric, side, severity, value
      FROM programme_limit WHERE rule_version_id = ANY($1)
"""
OWN = """
    SELECT patient_id, rule_id, metric, side, severity, value, valid_from, valid_to FROM patient_limit
     WHERE patient_id = ANY($1) AND rule_id = ANY($2) AND valid_from <= $3
"""
# The database may say 24:00, which no clock here can.
EXPECTED = """
    SELECT v.programme_id, v.valid_from, e.vital, (extract(epoch FROM e.opens) / 60)::int AS opens,
           (extract(epoch FROM e.closes) / 60)::int AS closes, e.weekdays
      FROM programme_version v JOIN expected_measurement e ON e.programme_version_id = v.id
     WHERE v.valid_to IS NULL AND v.programme_id = ANY($1)
"""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides which rules apply, of a few hundred patients."""

    enrolled: Mapping[uuid.UUID, list[Enrolled]]
    versions: Mapping[uuid.UUID, list[Version]]  # by programme
    levels: Mapping[uuid.UUID, list[Any]]  # by version
    own: Mapping[tuple[uuid.UUID, uuid.UUID], list[Own]]  # by patient and rule
    schedules: Mapping[tuple[uuid.UUID, str], tuple[datetime, list[Expected]]]  # by programme and vital


async def of_patients(db: Db, asked: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[Applying]]:
    """The rules of each patient; one who is in no programme has none."""
    book = await _book(db, list(asked), now)
    return {patient: list(_applying(patient, book, now)) for patient in asked}


async def _book(db: Db, asked: list[uuid.UUID], now: datetime) -> Book:
    enrolled = [Enrolled(*row) for row in await db.fetch(ENROLMENTS, asked, now)]
    programmes = sorted({one.programme_id for one in enrolled})
    versions = [Version(*row) for row in await db.fetch(VERSIONS, programmes)]
    rows = await db.fetch(LEVELS, sorted({one.id for one in versions}))
    own = [Own(*row) for row in await db.fetch(OWN, asked, sorted({one.rule_id for one in versions}), now)]
    schedules: dict[tuple[uuid.UUID, str], tuple[datetime, list[Expected]]] = {}
    for programme, since, vital, opens, closes, weekdays in await db.fetch(EXPECTED, programmes):
        of_vital = schedules.setdefault((programme, vital), (since, []))[1]
        of_vital.append(Expected(opens=opens, closes=closes, weekdays=tuple(weekdays)))
    return Book(
        enrolled=_by(enrolled, lambda one: one.patient_id), versions=_by(versions, lambda one: one.programme_id),
        levels=_by(rows, lambda row: row["rule_version_id"]), own=_by(own, lambda one: (one.patient_id, one.rule_id)),
        schedules=schedules,
    )  # fmt: skip


def _by(rows: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _applying(patient: uuid.UUID, book: Book, now: datetime) -> Iterator[Applying]:
    enrolled = book.enrolled.get(patient, [])
    carried = [(version, one) for one in enrolled for version in book.versions.get(one.programme_id, ())]
    for of_rule in _by(carried, lambda pair: pair[0].rule_id).values():
        version, enrolments = of_rule[0][0], [one for _, one in of_rule]
        current = {one.programme_id for one in enrolments if _holds(one, now)}
        known = parameters.decode(version.parameters)
        if not current or known is None:
            continue
        own = book.own.get((patient, version.rule_id), [])
        since = max(version.valid_from, *_changes(enrolments, now), *_changes(own, now))
        mine = [one.programme_id for one in enrolled if _holds(one, now)] if isinstance(known, Missing) else []
        changed, expected = _strictest(book, mine, version.vital, since)
        levels = tuple(_levels(version, book.levels.get(version.id, ()), current, own, now))
        yield Applying(rule=_rule(version, known, levels), since=max(since, changed), expected=expected)


def _rule(version: Version, known: Parameters, levels: tuple[Limit, ...]) -> SeriesRule:
    return SeriesRule(
        rule_id=version.rule_id, rule_version_id=version.id, vital=version.vital, parameters=known, levels=levels
    )  # fmt: skip


def _holds(one: Enrolled | Own, now: datetime) -> bool:
    return one.valid_to is None or one.valid_to > now


def _changes(of: Iterable[Enrolled | Own], now: datetime) -> Iterator[datetime]:
    for one in of:
        yield one.valid_from
        if one.valid_to is not None and one.valid_to <= now:
            yield one.valid_to


def _strictest(
    book: Book, programmes: Sequence[uuid.UUID], vital: str, otherwise: datetime
) -> tuple[datetime, tuple[Expected, ...]]:
    """The schedule with most windows a week, and since when it holds; among equals the one that expects earliest."""
    found = [book.schedules[programme, vital] for programme in programmes if (programme, vital) in book.schedules]
    if not found:
        return otherwise, ()
    since, expected = max(found, key=lambda one: (schedule.per_week(one[1]), -min(x.opens for x in one[1]), one[0]))
    return since, tuple(expected)


def _levels(
    version: Version, rows: Iterable[Any], programmes: set[uuid.UUID], own: Iterable[Own], now: datetime
) -> Iterator[Limit]:
    """Of several programmes' levels the strictest; the patient's own in their place. Without a value none applies."""
    mine = {(one.metric, one.side, one.severity): one.value for one in own if _holds(one, now)}
    strictest: dict[Level, Decimal] = {}
    for _, programme, metric, side, severity, default in rows:
        level, value = (metric, side, severity), mine.get((metric, side, severity), default)
        if value is not None and (programme is None or programme in programmes):
            pick = min if side in UPPER else max
            strictest[level] = pick(value, strictest.get(level, value))
    for (metric, side, severity), value in sorted(strictest.items()):
        yield Limit(
            rule_id=version.rule_id, rule_version_id=version.id, vital=version.vital, metric=metric,
            side=side, severity=severity, value=value,  # type: ignore[arg-type]
        )  # fmt: skip
