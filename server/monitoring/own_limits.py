"""A patient's own limits: every level that holds for them now and whose it is, and who changed their own, and why."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Severity, Side
from server.monitoring.limits import UPPER

Key = tuple[str, Side, Severity]  # metric, side, severity: one level of a rule
Action = Literal["set", "end", "undo"]


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """The patient's own value of one level. `ends_at`: from then on the general one holds again."""

    value: Decimal
    author_name: str
    reason: str
    valid_from: datetime
    ends_at: datetime | None
    locked: bool
    change_id: uuid.UUID | None


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One level as it holds for one patient. `general`: the strictest of their programmes', None where only an own
    value counts; `whose`: the programme that made it so, empty when every programme has the same."""

    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    code: str
    rule: str
    vital: str
    kind: str
    metric: str
    side: Side
    severity: Severity
    general: Decimal | None
    whose: str
    own: Own | None

    @property
    def key(self) -> Key:
        return self.metric, self.side, self.severity

    @property
    def value(self) -> Decimal | None:
        return self.own.value if self.own else self.general

    @property
    def upper(self) -> bool:
        return self.side in UPPER

    def laxer(self, value: Decimal) -> bool:
        """Would this value let pass what the programmes' would not?"""
        if self.general is None:
            return False
        return value > self.general if self.upper else value < self.general


# Values of the rules of every programme the patient is in, each with the programme it is for (none: all of them).
GENERAL = """
    WITH mine AS (
        SELECT DISTINCT programme_id FROM enrolment
         WHERE patient_id = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)),
    held AS (SELECT DISTINCT l.rule_id FROM programme_rule l JOIN mine USING (programme_id))
    SELECT r.id AS rule_id, v.id AS rule_version_id, r.code, r.name AS rule, r.vital, r.kind, x.metric, x.side,
           x.severity, x.value AS general, x.whose
      FROM held h
      JOIN rule r ON r.id = h.rule_id
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
     CROSS JOIN LATERAL (
           SELECT d.metric, d.side, d.severity, d.value, '' AS whose FROM rule_limit d WHERE d.rule_version_id = v.id
            UNION ALL
           SELECT d.metric, d.side, d.severity, d.value, p.name
             FROM programme_limit d
             JOIN programme_rule l ON l.programme_id = d.programme_id AND l.rule_id = r.id
             JOIN mine ON mine.programme_id = d.programme_id
             JOIN programme p ON p.id = d.programme_id
            WHERE d.rule_version_id = v.id) x
     ORDER BY array_position(ARRAY['blood_pressure', 'glucose', 'weight', 'spo2', 'pulse', 'temperature'], r.vital),
              r.kind <> 'crossing', r.name, r.id, array_position(ARRAY['high', 'medium', 'low'], x.severity),
              x.metric DESC, x.side, x.whose
"""
OWN = """
    SELECT o.rule_id, o.metric, o.side, o.severity, o.value, o.reason, o.valid_from,
           coalesce(s.name, split_part(o.author, ':', 2)) AS author_name,
           o.valid_to AS ends_at, o.locked, o.change_id
      FROM patient_limit o LEFT JOIN staff s ON o.author = 'staff:' || s.id
     WHERE o.patient_id = $1 AND o.valid_from <= $2 AND (o.valid_to IS NULL OR o.valid_to > $2)
"""


async def levels(db: Db, patient: uuid.UUID, now: datetime) -> list[Level]:
    """Every level of the patient's programmes, most important first within each rule."""
    own = {
        (row["rule_id"], row["metric"], row["side"], row["severity"]): Own(
            **{name: row[name] for name in Own.__struct_fields__}
        )
        for row in await db.fetch(OWN, patient, now)
    }
    found: dict[tuple[uuid.UUID, str, str, str], Level] = {}
    for row in await db.fetch(GENERAL, patient, now):
        where = (row["rule_id"], row["metric"], row["side"], row["severity"])
        one = Level(**dict(row), own=own.get(where))
        if where not in found or _stricter(one, found[where]):
            found[where] = one
    return list(found.values())


def _stricter(one: Level, than: Level) -> bool:
    if one.general is None or than.general is None:
        return than.general is None
    return one.general < than.general if one.upper else one.general > than.general


LOCK = "SELECT zone FROM patient WHERE id = $1 FOR UPDATE"


async def lock(db: Db, patient: uuid.UUID) -> str | None:
    """The patient's zone; two people changing limits of one patient take turns. None: no such patient."""
    zone: str | None = await db.fetchval(LOCK, patient)
    return zone


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A change to be written: values by level; None takes the patient's own away."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    rule_id: uuid.UUID
    action: Action
    values: Mapping[Key, Decimal | None]
    reason: str
    author: str
    ends_at: datetime | None = None
    locked: bool = False
    undoes: uuid.UUID | None = None


RECORD = """
    INSERT INTO limit_change (id, organization_id, patient_id, rule_id, action, levels, ends_at, locked, reason, author,
                              changed_at, undoes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
END = """
    UPDATE patient_limit o SET valid_to = greatest(o.valid_from, $6), ended_by = $7
      FROM unnest($3::text[], $4::text[], $5::text[]) AS n (metric, side, severity)
     WHERE o.patient_id = $1 AND o.rule_id = $2 AND (o.valid_to IS NULL OR o.valid_to > $6)
       AND o.metric = n.metric AND o.side = n.side AND o.severity = n.severity
"""
BEGIN = """
    INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, valid_from, change_id, metric, side, severity,
                               value, author, reason, locked, valid_to, ends_at)
    SELECT n.id, $1, $2, $3, $4, $5, n.metric, n.side, n.severity, n.value, n.author, n.reason, n.locked, n.ends_at,
           n.ends_at
      FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::numeric[], $11::text[], $12::text[], $13::bool[],
                  $14::timestamptz[]) AS n (id, metric, side, severity, value, author, reason, locked, ends_at)
"""


async def change(db: Db, new: New, now: datetime) -> None:
    """End what held and begin what holds now, with its history; the caller has locked the patient."""
    made = await _end(db, new, now)
    kept = {key: value for key, value in new.values.items() if value is not None}
    rows = [(*key, value, new.author, new.reason, new.locked, new.ends_at) for key, value in sorted(kept.items())]
    await _begin(db, new, rows, made, now)


async def _end(db: Db, new: New, now: datetime) -> uuid.UUID:
    made, keys = uuid7(), sorted(new.values)
    shown = [
        {"metric": m, "side": side, "severity": sev, "value": _json(new.values[m, side, sev])} for m, side, sev in keys
    ]
    await db.execute(
        RECORD, made, new.organization_id, new.patient_id, new.rule_id, new.action, shown, new.ends_at, new.locked,
        new.reason, new.author, now, new.undoes,
    )  # fmt: skip
    await db.execute(END, new.patient_id, new.rule_id, *map(list, zip(*keys, strict=True)), now, made)
    return made


async def _begin(db: Db, new: New, rows: Sequence[tuple[Any, ...]], made: uuid.UUID, now: datetime) -> None:
    if rows:
        columns = map(list, zip(*((uuid7(), *row) for row in rows), strict=True))
        await db.execute(BEGIN, new.organization_id, new.patient_id, new.rule_id, now, made, *columns)


def _json(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


ENDED_BY = """
    SELECT metric, side, severity, value, author, reason, locked, ends_at FROM patient_limit
     WHERE patient_id = $1 AND ended_by = $2 AND (ends_at IS NULL OR ends_at > $3)
"""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """An own value that a change ended: it comes back as it was when the change is taken back."""

    metric: str
    side: Side
    severity: Severity
    value: Decimal
    author: str
    reason: str
    locked: bool
    ends_at: datetime | None

    @property
    def key(self) -> Key:
        return self.metric, self.side, self.severity


async def ended_by(db: Db, patient: uuid.UUID, change_id: uuid.UUID, now: datetime) -> list[Ended]:
    """Without those that would have ended by themselves meanwhile."""
    return [Ended(**dict(row)) for row in await db.fetch(ENDED_BY, patient, change_id, now)]


async def restore(db: Db, new: New, ended: Sequence[Ended], now: datetime) -> None:
    """Take back the change that `new.undoes` names: what it set ends, what it ended holds again."""
    made = await _end(db, new, now)
    rows = [(*one.key, one.value, one.author, one.reason, one.locked, one.ends_at) for one in ended]
    await _begin(db, new, rows, made, now)


class Was(msgspec.Struct, frozen=True, kw_only=True):
    """One level of a change that was made; without a value the general one held again."""

    metric: str
    side: Side
    severity: Severity
    value: Decimal | None

    @property
    def key(self) -> Key:
        return self.metric, self.side, self.severity


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a patient's own limits, for the history."""

    id: uuid.UUID
    rule_id: uuid.UUID
    rule: str
    action: Action
    levels: Sequence[Was]
    ends_at: datetime | None
    locked: bool
    reason: str
    author_name: str
    changed_at: datetime
    undoes: uuid.UUID | None
    newest: bool


# Limits that were set at admission have no change of their own: they stand in the history as what they are.
HISTORY = """
    SELECT c.id, c.rule_id, r.name AS rule, c.action, c.levels, c.ends_at, c.locked, c.reason,
           coalesce(s.name, split_part(c.author, ':', 2)) AS author_name, c.changed_at, c.undoes,
           c.id = (SELECT x.id FROM limit_change x WHERE x.patient_id = c.patient_id AND x.rule_id = c.rule_id
                    ORDER BY x.changed_at DESC, x.id DESC LIMIT 1) AS newest
      FROM limit_change c JOIN rule r ON r.id = c.rule_id LEFT JOIN staff s ON c.author = 'staff:' || s.id
     WHERE c.patient_id = $1
     UNION ALL
    SELECT min(o.id::text)::uuid, o.rule_id, r.name, 'set',
           jsonb_agg(jsonb_build_object('metric', o.metric, 'side', o.side, 'severity', o.severity,
                                        'value', o.value::text) ORDER BY o.metric, o.side, o.severity),
           o.ends_at, o.locked, o.reason, coalesce(s.name, split_part(o.author, ':', 2)), o.valid_from, NULL::uuid,
           false
      FROM patient_limit o JOIN rule r ON r.id = o.rule_id LEFT JOIN staff s ON o.author = 'staff:' || s.id
     WHERE o.patient_id = $1 AND o.change_id IS NULL
     GROUP BY o.rule_id, r.name, o.ends_at, o.locked, o.reason, s.name, o.author, o.valid_from
     ORDER BY changed_at DESC, id DESC LIMIT 100
"""


async def history(db: Db, patient: uuid.UUID) -> list[Change]:
    """Newest first."""
    return [msgspec.convert(dict(row), Change) for row in await db.fetch(HISTORY, patient)]
