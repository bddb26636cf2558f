"""One run is one reading of the synthetic patient and how long it took to each hop of the way to a page."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db

Hop = Literal["setup", "broker", "receipt", "row", "finding", "alert", "page", "sink"]
HOPS: tuple[Hop, ...] = ("broker", "receipt", "row", "finding", "alert", "page", "sink")

BEGIN = """
    INSERT INTO canary_run (organization_id, started_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
"""


async def begin(db: Db, organization: uuid.UUID, slot: datetime) -> bool:
    """True for the one auditor whose run this is."""
    return await db.fetchval(BEGIN, organization, slot) is True


def slot(now: datetime, every: timedelta) -> datetime:
    """The run's place on the grid that all auditors share."""
    seconds = every.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)


# The reading is known by the hash of what was sent; the sink has it once the sender took the page and sent it nowhere.
REACHED = """
    SELECT r.id IS NOT NULL AS row, f.id IS NOT NULL AS finding, a.id IS NOT NULL AS alert, m.id IS NOT NULL AS page,
           coalesce(m.status = 'withheld' AND m.reason = 'sink', false) AS sink
      FROM arrival x
      LEFT JOIN reading r ON r.patient_id = x.patient_id AND r.measured_at = x.measured_at AND r.id = x.reading_id
      LEFT JOIN finding f ON f.patient_id = r.patient_id AND f.anchor = r.id::text AND f.severity = 'high'
      LEFT JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id
      LEFT JOIN message m ON m.alert_id = a.id AND m.purpose = 'page' AND m.to_number = 'sink'
     WHERE x.device_id = $1 AND x.epoch = 0 AND x.key = $2
     ORDER BY m.id IS NULL, a.id IS NULL, f.id IS NULL
     LIMIT 1
"""


async def reached(db: Db, device: str, payload: bytes) -> set[str]:
    """The hops behind the receipt at which this reading is now."""
    row = await db.fetchrow(REACHED, device, hashlib.sha256(payload).hexdigest())
    return {hop for hop, there in row.items() if there} if row else set()


FINISH = """
    UPDATE canary_run SET finished_at = $3, missing = $4, broker_ms = $5, receipt_ms = $6, row_ms = $7,
           finding_ms = $8, alert_ms = $9, page_ms = $10, sink_ms = $11
     WHERE organization_id = $1 AND started_at = $2
"""


async def finish(
    db: Db, organization: uuid.UUID, at: datetime, took: Mapping[str, int], missing: Hop | None, now: datetime
) -> None:
    """`took` is milliseconds by hop; `missing` the first hop that was not reached."""
    await db.execute(FINISH, organization, at, now, missing, *(took.get(hop) for hop in HOPS))


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds to each hop, None where it did not arrive."""

    started_at: datetime
    missing: Hop | None
    broker_ms: int | None
    receipt_ms: int | None
    row_ms: int | None
    finding_ms: int | None
    alert_ms: int | None
    page_ms: int | None
    sink_ms: int | None

    @property
    def hops(self) -> list[tuple[str, int | None]]:
        return [(hop, getattr(self, f"{hop}_ms")) for hop in HOPS]


SINCE = """
    SELECT started_at, missing, broker_ms, receipt_ms, row_ms, finding_ms, alert_ms, page_ms, sink_ms
      FROM canary_run WHERE finished_at IS NOT NULL AND started_at > $1 ORDER BY started_at DESC LIMIT 720
"""


async def since(db: Db, then: datetime) -> list[Run]:
    """The asker's organization's since then, oldest first."""
    return [Run(**dict(row)) for row in reversed(await db.fetch(SINCE, then))]


LATEST = """
    SELECT started_at, missing, broker_ms, receipt_ms, row_ms, finding_ms, alert_ms, page_ms, sink_ms
      FROM canary_run WHERE finished_at IS NOT NULL ORDER BY started_at DESC LIMIT $1
"""


async def latest(db: Db, count: int) -> list[Run]:
    """The asker's organization's, newest first."""
    return [Run(**dict(row)) for row in await db.fetch(LATEST, count)]


# A person who resolved an alarm did not mend what it told of: the mismatch itself has to be over.
WELL = """
    SELECT NOT EXISTS (SELECT FROM audit_mismatch WHERE closed_at IS NULL)
       AND NOT EXISTS (SELECT FROM alarm a
                        WHERE a.status <> 'resolved' AND a.severity = 'high' AND a.kind IN ('canary', 'audit_mismatch'))
       AND EXISTS (SELECT FROM heartbeat WHERE process = 'auditor' AND loop = 'rounds' AND beat_at > $1)
       AND NOT EXISTS (SELECT FROM organization o
                        WHERE o.created_at < $2
                          AND NOT EXISTS (SELECT FROM canary_run c
                                           WHERE c.organization_id = o.id AND c.started_at > $2
                                             AND c.finished_at IS NOT NULL AND c.missing IS NULL))
"""


async def all_well(db: Db, rounds_since: datetime, runs_since: datetime) -> bool:
    """No trouble stands, a round was made lately, and every organization's reading arrived lately."""
    return bool(await db.fetchval(WELL, rounds_since, runs_since))
