"""What a changed rule would have done: stored readings judged by the rule as it is and as it is proposed."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.errors import NotFound
from server.monitoring import comparisons, episodes, judged_patients, limits, replay, rule_book, stored_readings
from server.monitoring.comparisons import Comparison, WeekCount
from server.monitoring.episodes import Found
from server.monitoring.findings import Severity, Side
from server.monitoring.judged_patients import Judged, Waits
from server.monitoring.limits import Limit
from server.monitoring.parameters import Missing, Parameters
from server.monitoring.replay import Awaited, RuleSet
from server.monitoring.rule_book import Rule
from server.monitoring.stored_readings import Reading
from server.monitoring.windows import SeriesRule

__all__ = ["Comparison", "Progress", "Proposed", "ProposedLevel", "WeekCount", "compare"]

CHUNK = 50  # patients whose readings are in memory at a time
LOOK_BACK = timedelta(days=35)  # a rule over a series needs what came before: a block of four weeks, and one more
NEAR = timedelta(days=7)  # of a rule over a series: alerts this near tell of the same trouble
Progress = Callable[[int, int], None]  # patients done, of how many


class ProposedLevel(msgspec.Struct, frozen=True, kw_only=True):
    """`value` in the metric's canonical unit; None: only a patient's own applies. `programme_id` None: everybody."""

    metric: str
    side: Side
    severity: Severity
    value: Decimal | None
    programme_id: uuid.UUID | None = None


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of a rule would say; without `programmes` it judges the patients it judges today."""

    levels: tuple[ProposedLevel, ...]
    parameters: Parameters | None = None
    programmes: tuple[uuid.UUID, ...] | None = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """For each version that was asked for, what it finds."""

    found: list[list[Found]]
    patients: int
    readings: int


async def compare(
    db: Db, organization: uuid.UUID, rule_id: uuid.UUID, proposed: Proposed, since: datetime, now: datetime,
    progress: Progress = lambda done, of: None,
) -> Comparison:  # fmt: skip
    """Judge what was measured from `since` to `now` by the rule in force and as proposed; nothing is written.

    It may take minutes, so `db` should be a transaction that has written nothing: the audit's sealer waits for those.
    """
    rule = await rule_book.get(db, rule_id)
    current = as_it_is(rule) if rule else None
    if rule is None or current is None:
        raise NotFound("There is no such rule, or no version of it is in force.")
    near = timedelta() if current.parameters is None else NEAR
    # From a little earlier on: an alert of the first day may be answered by one of the day before.
    both = await replayed(db, organization, rule, (current, proposed), since - near, now, progress)
    before, after = (episodes.grouped(found) for found in both.found)
    return comparisons.compared(
        before, after, near, since=since, now=now, patients=both.patients, readings=both.readings
    )


def as_it_is(rule: Rule) -> Proposed | None:
    """The version in force, in the words of a proposal."""
    if rule.content is None:
        return None
    levels = (
        ProposedLevel(metric=x.metric, side=x.side, severity=x.severity, value=x.value, programme_id=x.programme)
        for x in rule.content.levels
    )
    return Proposed(levels=tuple(levels), parameters=rule.content.parameters, programmes=rule.content.programmes)


async def replayed(
    db: Db, organization: uuid.UUID, rule: Rule, versions: Sequence[Proposed], since: datetime, now: datetime,
    progress: Progress = lambda done, of: None,
) -> Replayed:  # fmt: skip
    """Whatever each version finds from `since` to `now`, without what came a day late; some patients at a time."""
    carriers = rule.content.programmes if rule.content else ()
    known = [v if v.programmes is not None else msgspec.structs.replace(v, programmes=carriers) for v in versions]
    programmes = {programme for v in known for programme in v.programmes or ()}
    judged = await judged_patients.of_rule(db, organization, rule.id, programmes, now)
    series = any(v.parameters is not None for v in known)
    start = since - LOOK_BACK if series else since
    found: list[list[Found]] = [[] for _ in known]
    readings = 0
    for first in range(0, len(judged), CHUNK):
        chunk = judged[first : first + CHUNK]
        stored = await stored_readings.of_patients(db, [one.patient_id for one in chunk], start, now)
        waits = await _waits(db, rule, known, chunk, start, now)
        for one in chunk:
            own = stored.get(one.patient_id, [])
            readings += sum(1 for reading in own if reading.point.measured_at >= since)
            for version, of_version in zip(known, found, strict=True):
                of_version.extend(_found(rule, version, one, own, waits.get(one.patient_id), since, now))
            await asyncio.sleep(0)  # the process has other work, which must not wait for ten thousand patients
        progress(first + len(chunk), len(judged))
    return Replayed(found=found, patients=len(judged), readings=readings)


async def _waits(
    db: Db, rule: Rule, versions: Iterable[Proposed], chunk: Sequence[Judged], start: datetime, now: datetime
) -> dict[uuid.UUID, Waits]:
    if not any(isinstance(version.parameters, Missing) for version in versions):
        return {}
    return await judged_patients.waits(db, chunk, rule.id, rule.vital, start, now)


def _found(
    rule: Rule, version: Proposed, one: Judged, readings: Sequence[Reading], waits: Waits | None,
    since: datetime, now: datetime,
) -> Iterator[Found]:  # fmt: skip
    levels = _by_programme(rule, version)
    mine = sorted(set(one.programmes) & set(levels))
    if mine and readings:
        own = limits.strictest(mine, levels, one.own)
        found = replay.found(readings, _rules(rule, version, own, readings, waits), now)
        yield from (f for f in found if f.at >= since and f.filed_under == rule.id)


def _by_programme(rule: Rule, version: Proposed) -> dict[uuid.UUID, list[object]]:
    """As `limits` wants them: the general levels hold in every programme that carries the rule."""
    return {
        programme: [
            (rule.id, rule.id, rule.vital, x.metric, x.side, x.severity, x.value)
            for x in version.levels
            if x.programme_id in (None, programme)
        ]
        for programme in version.programmes or ()
    }


def _rules(
    rule: Rule, version: Proposed, levels: Sequence[Limit], readings: Sequence[Reading], waits: Waits | None
) -> RuleSet:  # fmt: skip
    if version.parameters is None:
        return RuleSet(limits=tuple(levels))
    series = SeriesRule(
        rule_id=rule.id, rule_version_id=rule.id, vital=rule.vital, parameters=version.parameters, levels=tuple(levels)
    )
    if not isinstance(version.parameters, Missing):
        return RuleSet(series=(series,))
    if waits is None:
        return RuleSet()
    also = waits.measured - {one.point.measured_at for one in readings}
    return RuleSet(awaited=(Awaited(rule=series, windows=waits.windows, also=tuple(sorted(also))),))
