"""The facts of rules over a series as they are stored, and what makes them equal to the facts that hold now.

A fact that no longer holds is superseded, and holds again when a late reading says so; its alert stays for the nurse.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Age, Finding, Severity
from server.monitoring.rules import SEVERITIES
from server.monitoring.series_devices import Why
from server.monitoring.windows import Fact, SeriesRule

Key = tuple[uuid.UUID, uuid.UUID, str]  # patient, rule version, anchor
Asked = tuple[uuid.UUID, uuid.UUID, datetime]  # patient, rule version, since when it is judged
MOVES = timedelta(days=8)  # a late reading may become the last one of a fact's week


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that holds now; `why` is set of what is missing."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    rule: SeriesRule
    fact: Fact
    age: Age
    why: Why | None = None

    @property
    def key(self) -> Key:
        return self.patient_id, self.rule.rule_version_id, self.fact.anchor

    def finding(self, identity: uuid.UUID) -> Finding:
        """As episodes and pages take it. Its anchor there is its own id: what it rests on may be no reading."""
        fact = self.fact
        return Finding(
            id=identity, organization_id=self.organization_id, patient_id=self.patient_id, rule_id=self.rule.rule_id,
            rule_version_id=self.rule.rule_version_id, anchor=identity, severity=fact.severity,
            metric=fact.metric, side=fact.side, value=fact.value, limit_value=fact.limit_value, age=self.age,
            measured_at=fact.measured_at,
        )  # fmt: skip


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of a rule over a series. `answered`: its alert is resolved."""

    id: uuid.UUID
    patient_id: uuid.UUID
    rule_version_id: uuid.UUID
    anchor: str
    severity: Severity
    metric: str
    side: str
    value: Decimal | None
    limit_value: Decimal
    measured_at: datetime
    age: Age
    why: Why | None
    superseded: bool
    alert_id: uuid.UUID | None
    answered: bool
    evidence: list[uuid.UUID]

    @property
    def key(self) -> Key:
        return self.patient_id, self.rule_version_id, self.anchor


STORED = """
    SELECT f.id, f.patient_id, f.rule_version_id, f.anchor, f.severity, f.metric, f.side, f.value, f.limit_value,
           f.measured_at, f.age, f.why, f.superseded_at IS NOT NULL AS superseded, f.alert_id,
           coalesce(a.status = 'resolved', false) AS answered,
           ARRAY(SELECT e.reading_id FROM finding_evidence e
                  WHERE e.patient_id = f.patient_id AND e.finding_id = f.id AND e.superseded_at IS NULL) AS evidence
      FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS asked (patient_id, rule_version_id, since)
      JOIN finding f ON f.patient_id = asked.patient_id AND f.rule_version_id = asked.rule_version_id
           AND f.measured_at >= asked.since - $4::interval
      LEFT JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id
"""


async def stored(db: Db, asked: Sequence[Asked]) -> list[Stored]:
    """Of each (patient, rule version) the facts that rest on what was measured since then, or a few days before."""
    columns = [list(column) for column in zip(*asked, strict=True)]
    return [Stored(**dict(row)) for row in await db.fetch(STORED, *columns, MOVES)] if asked else []


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be written. `told`: findings that an alert must hear of, new ones and those that got worse."""

    new: list[tuple[Finding, Holding]]
    changed: list[tuple[Stored, Holding]]
    over: list[Stored]
    worse: list[tuple[Finding, Stored]]

    @property
    def told(self) -> list[Finding]:
        return [finding for finding, _ in self.new] + [finding for finding, _ in self.worse]


def compare(holding: Iterable[Holding], known: Iterable[Stored], asked: Iterable[Asked]) -> Changes:
    """Nothing is new when everything that holds is stored as it is. What was before `asked` stays as it was found."""
    now = {one.key: one for one in holding}
    before = {one.key: one for one in known}
    since = {(patient, version): at for patient, version, at in asked}
    fresh = [one for key, one in sorted(now.items()) if key not in before and one.fact.measured_at >= since[key[:2]]]
    both = [(before[key], _as_decided(one, before[key])) for key, one in sorted(now.items()) if key in before]
    changed = [(was, one) for was, one in both if was.superseded or _differ(was, one)]
    gone = [one for key, one in sorted(before.items()) if key not in now and not one.superseded]
    return Changes(
        new=[(one.finding(uuid7()), one) for one in fresh],
        changed=changed,
        over=[one for one in gone if one.measured_at >= since[one.key[:2]]],
        worse=[(one.finding(was.id), was) for was, one in changed if _must_be_told(was, one)],
    )


def _as_decided(one: Holding, was: Stored) -> Holding:
    """How old it was and who was silent were decided when it was found."""
    severity = was.severity if was.why else one.fact.severity
    return msgspec.structs.replace(
        one, age=was.age, why=was.why, fact=msgspec.structs.replace(one.fact, severity=severity)
    )


def _differ(was: Stored, one: Holding) -> bool:
    fact = one.fact
    return (was.severity, was.metric, was.side, was.value, was.limit_value, was.measured_at, sorted(was.evidence)) != (
        fact.severity, fact.metric, fact.side, fact.value, fact.limit_value, fact.measured_at,
        sorted(reading for reading, _ in fact.evidence),
    )  # fmt: skip


def _must_be_told(was: Stored, one: Holding) -> bool:
    """It got worse, or holds again after its alert was answered while it did not."""
    return SEVERITIES.index(one.fact.severity) > SEVERITIES.index(was.severity) or (was.superseded and was.answered)


INSERT = """
    INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, severity, metric, side,
                         value, limit_value, age, measured_at, alert_id, why, found_at)
    SELECT n.*, $16 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
                          $8::text[], $9::text[], $10::numeric[], $11::numeric[], $12::text[], $13::timestamptz[],
                          $14::uuid[], $15::text[]) AS n
"""


async def insert(
    db: Db,
    new: Sequence[tuple[Finding, Holding]],
    alert_of: Mapping[tuple[uuid.UUID, uuid.UUID], uuid.UUID],
    now: datetime,
) -> None:
    """Each with its alert (by patient and the alert's rule) and its evidence."""
    if not new:
        return
    rows = [
        (
            f.id, f.organization_id, f.patient_id, f.rule_id, f.rule_version_id, one.fact.anchor, f.severity, f.metric,
            f.side, f.value, f.limit_value, f.age, f.measured_at, alert_of[f.patient_id, f.filed_under], one.why,
        )
        for f, one in new
    ]  # fmt: skip
    await db.execute(INSERT, *map(list, zip(*rows, strict=True)), now)
    await _rest_on(db, [(f.id, one) for f, one in new])


CHANGE = """
    UPDATE finding f
       SET severity = n.severity, metric = n.metric, side = n.side, value = n.value, limit_value = n.limit_value,
           measured_at = n.measured_at, superseded_at = NULL, alert_id = coalesce(n.alert_id, f.alert_id)
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[],
                  $8::timestamptz[], $9::uuid[])
        AS n (patient_id, id, severity, metric, side, value, limit_value, measured_at, alert_id)
     WHERE f.patient_id = n.patient_id AND f.id = n.id
"""


async def change(
    db: Db, changed: Sequence[tuple[Stored, Holding]], moved: Mapping[uuid.UUID, uuid.UUID], now: datetime
) -> None:
    """What holds now of facts that are known; `moved` are those that went to another alert."""
    if not changed:
        return
    rows = [
        (
            was.patient_id, was.id, one.fact.severity, one.fact.metric, one.fact.side, one.fact.value,
            one.fact.limit_value, one.fact.measured_at, moved.get(was.id),
        )
        for was, one in changed
    ]  # fmt: skip
    await db.execute(CHANGE, *map(list, zip(*rows, strict=True)))
    rests = {was.id: {reading for reading, _ in one.fact.evidence} for was, one in changed}
    gone = [(was.patient_id, was.id, one) for was, _ in changed for one in was.evidence if one not in rests[was.id]]
    await _no_longer(db, gone, now)
    await _rest_on(db, [(was.id, one) for was, one in changed])


EVIDENCE = """
    INSERT INTO finding_evidence AS e (patient_id, finding_id, reading_id, measured_at, organization_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::uuid[])
    ON CONFLICT (patient_id, finding_id, reading_id) DO UPDATE SET superseded_at = NULL
     WHERE e.superseded_at IS NOT NULL
"""


async def _rest_on(db: Db, on: Iterable[tuple[uuid.UUID, Holding]]) -> None:
    rows = [
        (one.patient_id, identity, reading, at, one.organization_id)
        for identity, one in on
        for reading, at in one.fact.evidence
    ]
    if rows:
        await db.execute(EVIDENCE, *map(list, zip(*rows, strict=True)))


NO_LONGER = """
    UPDATE finding_evidence e SET superseded_at = $4
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (patient_id, finding_id, reading_id)
     WHERE e.patient_id = n.patient_id AND e.finding_id = n.finding_id AND e.reading_id = n.reading_id
"""


async def _no_longer(db: Db, gone: Sequence[tuple[Any, ...]], now: datetime) -> None:
    if gone:
        await db.execute(NO_LONGER, *map(list, zip(*gone, strict=True)), now)


SUPERSEDE = """
    UPDATE finding f SET superseded_at = $3
      FROM unnest($1::uuid[], $2::uuid[]) AS n (patient_id, id)
     WHERE f.patient_id = n.patient_id AND f.id = n.id AND f.superseded_at IS NULL
"""


async def supersede(db: Db, over: Sequence[Stored], now: datetime) -> None:
    """They hold no longer. Their alerts stay for the nurse to resolve."""
    if over:
        await db.execute(SUPERSEDE, [one.patient_id for one in over], [one.id for one in over], now)


# An alert counts what it was told. A finding that got worse was told twice.
UNCOUNT = """
    UPDATE alert a SET finding_count = a.finding_count - n.times
      FROM (SELECT patient_id, id, count(*)::int AS times FROM unnest($1::uuid[], $2::uuid[]) AS x (patient_id, id)
             GROUP BY patient_id, id) n
     WHERE a.patient_id = n.patient_id AND a.id = n.id
"""


async def uncount(db: Db, twice: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    """(patient, alert) of each finding that its alert counted before."""
    if twice:
        await db.execute(UNCOUNT, [patient for patient, _ in twice], [alert for _, alert in twice])
