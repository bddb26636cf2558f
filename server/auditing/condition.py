"""How Careloop itself does, for people: who was heard when, what is wrong with us, and whether the audit is sealed."""

from datetime import datetime, timedelta

import msgspec

from server.auditing.pace import USUAL
from server.auditing.standing import LOOPS
from server.db.pool import Db
from server.monitoring.findings import Severity

# Trouble of ours, apart from what the auditor finds; a device's is not.
OURS = (
    "texts_not_leaving", "text_unresolved", "broker_drops", "chain_exhausted", "page_failed", "page_test_failed",
    "roster", "roster_gap", "roster_unpublished", "no_stand_in",
)  # fmt: skip


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A loop, when any instance of it was heard last, and how long it may be silent; None: it rests as it likes."""

    process: str
    loop: str
    beat_at: datetime
    within: timedelta | None

    def late(self, now: datetime) -> bool:
        return self.within is not None and now - self.beat_at > self.within


HEARD = """
    SELECT process, loop, max(beat_at) AS beat_at FROM heartbeat
     WHERE loop <> 'ingest_without_broker' GROUP BY process, loop ORDER BY process, loop
"""


async def heard(db: Db) -> list[Heard]:
    """Every loop that was ever heard."""
    within = {(one.process, one.loop): USUAL.within[one.often] for one in LOOPS}
    within["auditor", "rounds"] = within["auditor", "outside"] = USUAL.checked
    rows = await db.fetch(HEARD)
    return [Heard(**dict(row), within=within.get((row["process"], row["loop"]))) for row in rows]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm about ourselves that is not resolved; `says` is what to do."""

    kind: str
    subject: str
    severity: Severity
    says: str
    opened_at: datetime
    taken_by: str | None


STANDING = """
    SELECT a.kind, a.subject, a.severity, a.says, a.opened_at, s.name AS taken_by
      FROM alarm a LEFT JOIN staff s ON s.id = a.acknowledged_by
     WHERE a.status <> 'resolved' AND a.kind = ANY($1::text[])
     ORDER BY array_position(ARRAY['high', 'medium', 'low'], a.severity), a.opened_at LIMIT 100
"""


async def found(db: Db) -> list[Standing]:
    """What the auditor found, of the asker's organization."""
    return [Standing(**dict(row)) for row in await db.fetch(STANDING, ["canary", "audit_mismatch"])]


async def ours(db: Db) -> list[Standing]:
    """Other trouble of ours."""
    return [Standing(**dict(row)) for row in await db.fetch(STANDING, list(OURS))]


WELL_SINCE = """
    SELECT greatest((SELECT max(resolved_at) FROM alarm WHERE kind IN ('canary', 'audit_mismatch')),
                    (SELECT min(begun_at) FROM audit_mark))
"""


async def well_since(db: Db) -> datetime | None:
    """When the last trouble ended, or the audit began; None before it has. Meaningful while nothing stands."""
    since: datetime | None = await db.fetchval(WELL_SINCE)
    return since


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The audit chain's newest link; `waiting_since`: the oldest row behind it that is not sealed yet."""

    position: int
    sealed_at: datetime | None
    waiting_since: datetime | None

    def late(self, now: datetime) -> bool:
        return self.waiting_since is not None and now - self.waiting_since > USUAL.beats


SEALED = """
    SELECT coalesce(l.position, 0) AS position, l.sealed_at,
           (SELECT min(a.at) FROM audit a
             WHERE (a.txid, a.id) > (coalesce(l.txid, '0'::xid8),
                                     coalesce(l.audit_id, '00000000-0000-0000-0000-000000000000'))) AS waiting_since
      FROM (SELECT 1) one
      LEFT JOIN LATERAL (SELECT position, sealed_at, txid, audit_id FROM audit_seal ORDER BY position DESC LIMIT 1) l
             ON true
"""


async def sealed(db: Db) -> Sealed:
    """Of the asker's organization."""
    return Sealed(**dict(await db.fetchrow(SEALED)))
