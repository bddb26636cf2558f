"""What a rule said when it judged: its version and texts, each programme's protocol, and whose limit was crossed."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.explained import Speaking

Whose = Literal["own", "programme", "general"]
UPPER = ("above", "at_or_above")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The version that judged. `newest` is the version that judges now: the same, or a later one."""

    id: uuid.UUID
    name: str
    code: str
    vital: str
    kind: str
    version: int
    newest: int
    explains: str
    source: str
    author: str
    approved_by: str | None
    approved_at: datetime | None
    valid_from: datetime


RULE = """
    SELECT r.id, r.name, r.code, r.vital, r.kind, v.version, v.explains, v.source, v.author, v.approved_by,
           v.approved_at, v.valid_from, (SELECT max(n.version) FROM rule_version n WHERE n.rule_id = r.id) AS newest
      FROM rule_version v JOIN rule r ON r.id = v.rule_id
     WHERE v.id = $1
"""


async def rule_of(db: Db, version: uuid.UUID) -> Rule:
    """`KeyError`-free: a finding's version is kept for ever."""
    return Rule(**dict(await db.fetchrow(RULE, version)))


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What staff of one programme do about this rule, beside its own text."""

    programme: str
    explains: str
    source: str


# Of every programme the patient was in when it was judged.
PROTOCOLS = """
    SELECT p.name AS programme, t.explains, t.source
      FROM rule_protocol t
      JOIN programme p ON p.id = t.programme_id
     WHERE t.rule_version_id = $2
       AND EXISTS (SELECT FROM enrolment e WHERE e.patient_id = $1 AND e.programme_id = p.id
                      AND e.valid_from <= $3 AND (e.valid_to IS NULL OR e.valid_to > $3))
     ORDER BY p.name
"""


async def protocols(db: Db, patient: uuid.UUID, version: uuid.UUID, at: datetime) -> list[Protocol]:
    return [Protocol(**dict(row)) for row in await db.fetch(PROTOCOLS, patient, version, at)]


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of this metric, side and severity; of a patient's own also who set it, why and until when."""

    whose: Whose
    value: Decimal
    programme: str | None = None
    author: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    locked: bool = False


LEVELS = """
    SELECT 'own' AS whose, o.value, NULL AS programme, o.author, o.reason, o.valid_from AS since, o.valid_to AS until,
           o.locked
      FROM patient_limit o
     WHERE o.patient_id = $1 AND o.rule_id = $2 AND o.metric = $4 AND o.side = $5 AND o.severity = $6
       AND o.valid_from <= $7 AND (o.valid_to IS NULL OR o.valid_to > $7)
     UNION ALL
    SELECT 'programme', l.value, p.name, NULL, NULL, NULL, NULL, false
      FROM programme_limit l
      JOIN programme p ON p.id = l.programme_id
     WHERE l.rule_version_id = $3 AND l.metric = $4 AND l.side = $5 AND l.severity = $6
       AND EXISTS (SELECT FROM enrolment e WHERE e.patient_id = $1 AND e.programme_id = p.id
                      AND e.valid_from <= $7 AND (e.valid_to IS NULL OR e.valid_to > $7))
     UNION ALL
    SELECT 'general', value, NULL, NULL, NULL, NULL, NULL, false
      FROM rule_limit
     WHERE rule_version_id = $3 AND metric = $4 AND side = $5 AND severity = $6 AND value IS NOT NULL
"""


async def levels(db: Db, patient: uuid.UUID, of: Speaking) -> list[Level]:
    """Those that applied when it was judged: first the one that held, then what it stands instead of.

    The patient's own goes before everything, else the strictest; a general one before a programme's that is as strict.
    """
    where = (patient, of.rule_id, of.rule_version_id, of.metric, of.side, of.severity, of.found_at)
    found = [Level(**dict(row)) for row in await db.fetch(LEVELS, *where)]
    strict = 1 if of.side in UPPER else -1
    rank = ("own", "general", "programme")
    return sorted(found, key=lambda one: (one.whose != "own", one.value * strict, rank.index(one.whose)))
