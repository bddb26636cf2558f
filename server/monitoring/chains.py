"""How far each alert and alarm has come in telling people: begun, claimed step by step, ended; the database decides."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Severity

Kind = Literal["alert", "alarm"]
# Alarms that are part of a chain already: they must not begin another.
OWN = ("chain_exhausted", "page_failed")


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """An alert or alarm that stands and has no chain, or one of another severity."""

    id: uuid.UUID
    organization_id: uuid.UUID
    kind: Kind
    patient_id: uuid.UUID | None
    team_id: uuid.UUID
    severity: Severity
    started_at: datetime
    zone: str
    begun: int = 0
    round: int = 0


# A late high which a newer reading contradicts was not paged; it is told like a medium, so it is not forgotten either.
# One that another alert's page told of (`told_with`) was paged by it, and climbs like that one.
# The page written with the alert counts as the first step: its time is when the chain began. A page from before the
# chain that runs now is an old one (the alert was lowered since): the new chain pages again, in rounds of its own.
# While a page waits for the patient's own answer nothing begins; what is never released begins when it was due.
BEGINNINGS = """
    SELECT n.id, n.organization_id, 'alert' AS kind, n.patient_id, n.team_id, n.severity, k.zone,
           coalesce(n.paged_at, CASE WHEN n.chained IS NULL THEN n.opened_at ELSE $1 END) AS started_at,
           coalesce(n.begun + 1, 0) AS begun,
           CASE WHEN n.chained IS NULL OR n.paged_at IS NOT NULL THEN 0 ELSE (n.begun + 1) * 1000 END AS round
      FROM (SELECT a.id, a.organization_id, a.patient_id, p.team_id, e.severity AS chained, e.begun,
                   greatest(a.opened_at, a.page_not_before) AS opened_at,
                   CASE WHEN e.id IS NULL OR greatest(m.created_at, w.created_at) >= e.started_at
                        THEN greatest(m.created_at, w.created_at) END AS paged_at,
                   CASE WHEN a.severity = 'high' AND a.age = 'late' AND m.id IS NULL AND w.id IS NULL THEN 'medium'
                        ELSE a.severity END AS severity
              FROM alert a
              JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
              LEFT JOIN escalation e ON e.id = a.id
              LEFT JOIN LATERAL (
                   SELECT x.id, x.created_at FROM message x
                    WHERE x.id = a.told_with AND a.severity = 'high' LIMIT 1) w ON true
              LEFT JOIN LATERAL (
                   SELECT x.id, x.created_at FROM message x
                    WHERE x.alert_id = a.id AND x.purpose = 'page'
                      AND (x.unique_for = 'page:' || a.id || ':' || a.severity
                           OR a.severity = 'high' AND x.unique_for LIKE 'page:late:%')
                    ORDER BY x.created_at DESC LIMIT 1) m ON true
             WHERE a.status <> 'resolved' AND a.age <> 'historic'
               AND (a.page_not_before IS NULL OR a.page_not_before <= $1)) n
      JOIN team_clock k ON k.team_id = n.team_id
     WHERE n.chained IS DISTINCT FROM n.severity
     UNION ALL
    SELECT b.id, b.organization_id, 'alarm', NULL, t.id, b.severity, k.zone,
           coalesce(b.again_at, b.opened_at), 0, 0
      FROM alarm b
      JOIN LATERAL (
           SELECT t.id FROM team t LEFT JOIN patient p ON p.team_id = t.id AND p.mrn = b.subject
            WHERE t.organization_id = b.organization_id
            ORDER BY p.id IS NULL, t.id::text <> b.subject, t.name, t.id LIMIT 1) t ON true
      JOIN team_clock k ON k.team_id = t.id
     WHERE b.status = 'open' AND b.severity = 'high' AND b.kind <> ALL ($2::text[])
       AND NOT EXISTS (SELECT FROM escalation e WHERE e.id = b.id)
     LIMIT 500
"""


async def beginnings(db: Db, now: datetime) -> list[Beginning]:
    return [Beginning(**dict(row)) for row in await db.fetch(BEGINNINGS, now, list(OWN))]


BEGIN = """
    INSERT INTO escalation AS e (id, organization_id, kind, patient_id, team_id, severity, started_at, stepped_at,
                                 begun, round, due_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[],
                         $7::timestamptz[], $7::timestamptz[], $8::int[], $9::int[], $10::timestamptz[])
    ON CONFLICT (id) DO UPDATE
       SET severity = excluded.severity, started_at = excluded.started_at, stepped_at = excluded.stepped_at,
           begun = excluded.begun, round = excluded.round, due_at = excluded.due_at, position = 0,
           repeating = false, ended_at = NULL
     WHERE e.severity <> excluded.severity
    RETURNING e.id
"""


async def begin(db: Db, new: Sequence[tuple[Beginning, datetime]]) -> int:
    """Each with when its first page is due; returns how many were not begun by another worker meanwhile."""
    if not new:
        return 0
    ordered = sorted(new, key=lambda one: one[0].id)
    fields = ("id", "organization_id", "kind", "patient_id", "team_id", "severity", "started_at", "begun", "round")
    columns = [[getattr(one, field) for one, _ in ordered] for field in fields]
    return len(await db.fetch(BEGIN, *columns, [due for _, due in ordered]))


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A chain that this worker, and no other, may move on in this transaction."""

    id: uuid.UUID
    organization_id: uuid.UUID
    kind: Kind
    patient_id: uuid.UUID | None
    team_id: uuid.UUID
    severity: Severity
    round: int
    position: int
    started_at: datetime
    due_at: datetime
    zone: str
    told: bool
    failed: bool
    tried: list[uuid.UUID]


# Locked rows are another worker's. `told`: whoever opened it has paged already. `failed`: pages of the last step there
# were, and none of them can arrive: refused, or their numbers opted out; `tried`: whom no page of this round can reach.
# In state shadow nobody is paged, so nothing is said again. What is laid aside pages nobody until then; what is less
# than high waits while a high alert of the same vital stands, and is due the moment that is resolved. Neither moves the
# chain, so nothing is lost by it.
DUE = """
    SELECT e.id, e.organization_id, e.kind, e.patient_id, e.team_id, e.severity, e.round, e.position, e.started_at,
           e.due_at, k.zone, f.failed, f.tried,
           EXISTS (SELECT FROM message m
                    WHERE m.purpose = 'page' AND m.alert_id = e.id AND m.created_at >= e.started_at) OR
           EXISTS (SELECT FROM message m
                    WHERE m.purpose = 'page' AND m.alarm_id = e.id AND m.created_at >= e.started_at) OR
           EXISTS (SELECT FROM message m WHERE m.id = a.told_with AND m.created_at >= e.started_at) AS told
      FROM escalation e
      JOIN organization o ON o.id = e.organization_id
      JOIN team_clock k ON k.team_id = e.team_id
      LEFT JOIN alert a ON a.patient_id = e.patient_id AND a.id = e.id
      LEFT JOIN alarm b ON e.kind = 'alarm' AND b.id = e.id
      JOIN LATERAL (
           SELECT coalesce(bool_and(n.last_lost), false) AS failed,
                  coalesce(array_agg(n.staff_id) FILTER (WHERE n.lost), '{}') AS tried
             FROM (SELECT m.staff_id, bool_and(x.lost) AS lost,
                          bool_and(x.lost) FILTER (WHERE m.created_at >= e.stepped_at) AS last_lost
                     FROM message m
                     JOIN LATERAL (
                          SELECT m.status IN ('failed', 'suppressed') OR
                                 EXISTS (SELECT FROM opt_out o WHERE o.organization_id = m.organization_id
                                            AND o.phone_hash = m.to_hash AND o.ended_at IS NULL) AS lost) x ON true
                    WHERE e.position > 0 AND m.purpose = 'page' AND m.created_at >= e.started_at
                      AND (m.alert_id = e.id OR m.alarm_id = e.id)
                    GROUP BY m.staff_id) n) f ON true
     WHERE e.ended_at IS NULL AND coalesce(a.status, b.status) = 'open'
       AND (e.due_at <= $1 OR f.failed) AND (o.state <> 'shadow' OR NOT e.repeating)
       AND NOT EXISTS (SELECT FROM snooze z
                        WHERE z.patient_id = e.patient_id AND z.alert_id = e.id AND z.ended_at IS NULL
                          AND z.ends_at > $1 AND worse(z.severity, a.severity) = z.severity)
       AND NOT EXISTS (SELECT FROM alert h
                         JOIN rule hr ON hr.id = h.rule_id
                         JOIN rule ar ON ar.id = a.rule_id AND ar.vital = hr.vital
                        WHERE h.patient_id = e.patient_id AND h.status <> 'resolved' AND h.severity = 'high'
                          AND h.age <> 'historic' AND a.severity <> 'high' AND h.id <> a.id)
     ORDER BY e.due_at, e.id LIMIT 100
       FOR UPDATE OF e SKIP LOCKED
"""


async def due(db: Db, now: datetime) -> list[Chain]:
    """What is to be told now, the longest waiting first, taken for this transaction."""
    return [Chain(**dict(row)) for row in await db.fetch(DUE, now)]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A chain after one of its steps."""

    chain: Chain
    stepped_at: datetime
    due_at: datetime
    repeating: bool


# Only from where it was read, and only while nobody answered: of two workers one moves it.
ADVANCE = """
    UPDATE escalation e
       SET position = n.position + 1, stepped_at = n.stepped_at, due_at = n.due_at, repeating = n.repeating
      FROM unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::bool[])
           AS n (id, round, position, stepped_at, due_at, repeating)
     WHERE e.id = n.id AND e.round = n.round AND e.position = n.position AND e.ended_at IS NULL
       AND (EXISTS (SELECT FROM alert a WHERE a.patient_id = e.patient_id AND a.id = e.id AND a.status = 'open')
            OR EXISTS (SELECT FROM alarm b WHERE e.kind = 'alarm' AND b.id = e.id AND b.status = 'open'))
    RETURNING e.id
"""


async def advance(db: Db, moved: Sequence[Moved]) -> set[uuid.UUID]:
    """Ids of those that were ours to move."""
    if not moved:
        return set()
    rows = [(m.chain.id, m.chain.round, m.chain.position, m.stepped_at, m.due_at, m.repeating) for m in moved]
    return {row["id"] for row in await db.fetch(ADVANCE, *map(list, zip(*rows, strict=True)))}


# A step that was taken since the time was over was taken for what is beginning here.
NEW_ROUND = """
    UPDATE escalation e
       SET round = e.round + 1, position = 0, started_at = $4, stepped_at = $4, due_at = n.due_at, repeating = false
      FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS n (id, over_at, due_at)
     WHERE e.id = n.id AND e.stepped_at < n.over_at AND e.ended_at IS NULL
"""


async def new_round(db: Db, over: Sequence[tuple[uuid.UUID, datetime, datetime]], now: datetime) -> None:
    """Begin at the first step again, of each alert that was laid aside until (second) and is due then (third)."""
    if over:
        await db.execute(NEW_ROUND, *map(list, zip(*sorted(over), strict=True)), now)


# What begins again says what it said first: at once only when it is high.
BEGUN_AGAIN = """
    SELECT e.id, e.organization_id, e.kind, e.patient_id, e.team_id, e.severity, e.started_at, k.zone, e.begun, e.round
      FROM escalation e JOIN team_clock k ON k.team_id = e.team_id
     WHERE e.id = ANY($1) AND e.severity <> 'high'
     ORDER BY e.id
"""


async def less_than_high(db: Db, ids: Sequence[uuid.UUID]) -> list[Beginning]:
    """Those of these chains that need not say anything at once."""
    return [Beginning(**dict(row)) for row in await db.fetch(BEGUN_AGAIN, list(ids))]


PUT_OFF = """
    UPDATE escalation e SET due_at = n.due_at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS n (id, due_at) WHERE e.id = n.id
"""


async def put_off(db: Db, until: Sequence[tuple[uuid.UUID, datetime]]) -> None:
    """The next step of each is due then."""
    if until:
        await db.execute(PUT_OFF, *map(list, zip(*until, strict=True)))


# What is resolved needs nobody any more.
END = """
    UPDATE escalation e SET ended_at = $1
     WHERE e.ended_at IS NULL
       AND (EXISTS (SELECT FROM alert a WHERE a.patient_id = e.patient_id AND a.id = e.id AND a.status = 'resolved')
            OR EXISTS (SELECT FROM alarm b WHERE e.kind = 'alarm' AND b.id = e.id AND b.status = 'resolved'))
"""


async def end(db: Db, now: datetime) -> None:
    await db.execute(END, now)


ANSWERED = """
    SELECT x.organization_id, x.subject
      FROM alarm x JOIN escalation e ON e.id = x.subject::uuid
      LEFT JOIN alert a ON a.patient_id = e.patient_id AND a.id = e.id
      LEFT JOIN alarm b ON e.kind = 'alarm' AND b.id = e.id
     WHERE x.kind = 'chain_exhausted' AND x.status <> 'resolved' AND coalesce(a.status, b.status) <> 'open'
"""


async def answered(db: Db) -> list[tuple[uuid.UUID, str]]:
    """(organization, subject) of each alarm about a chain at its end that somebody has answered since."""
    return [(row["organization_id"], row["subject"]) for row in await db.fetch(ANSWERED)]
