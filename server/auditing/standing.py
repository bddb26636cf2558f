"""What must be true at any moment: texts leave, holes are told, months are there, and every loop of ours lives."""

import uuid
from datetime import datetime, timedelta

import msgspec

from server.db.pool import Db

OUTBOX_WITHIN = timedelta(minutes=2)
HOLE_WITHIN = timedelta(minutes=6)  # the worker waits 2 for what overtakes, and looks every 2
QUARANTINE_WITHIN = timedelta(hours=24)
BEAT_WITHIN = timedelta(seconds=30)


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How often something is so in one organization."""

    organization_id: uuid.UUID
    count: int


STUCK = """
    SELECT organization_id, count(*) FROM message
     WHERE channel = 'sms' AND (status = 'queued' AND not_before < $1 OR status = 'sending' AND claimed_at < $1)
     GROUP BY organization_id
"""


async def stuck(db: Db, now: datetime) -> list[Count]:
    """Texts that were due more than two minutes ago and have not left."""
    return [Count(**dict(row)) for row in await db.fetch(STUCK, now - OUTBOX_WITHIN)]


# Counted from the ledger itself: numbers below the highest that came, above the last that is settled without a hole.
HOLES = """
    WITH behind AS (
        SELECT s.organization_id, s.device_id, s.epoch, s.through, s.highest
          FROM sequence_state s
          JOIN audit_mark k ON k.organization_id = s.organization_id
         WHERE s.through < s.highest
           AND NOT EXISTS (SELECT FROM sequence_gap g
                            WHERE g.device_id = s.device_id AND g.epoch = s.epoch AND g.closed_at IS NULL)
           AND EXISTS (SELECT FROM arrival a
                        WHERE a.device_id = s.device_id AND a.epoch = s.epoch AND a.seq > s.through + 1
                          AND a.received_at BETWEEN k.begun_at AND $1)),
    untold AS (
        SELECT b.organization_id FROM behind b
         WHERE (SELECT count(DISTINCT a.seq) FROM arrival a
                 WHERE a.device_id = b.device_id AND a.epoch = b.epoch AND a.seq > b.through AND a.seq <= b.highest)
               < b.highest - b.through
         UNION ALL
        SELECT g.organization_id
          FROM sequence_gap g JOIN audit_mark k ON k.organization_id = g.organization_id
         WHERE g.closed_at IS NULL AND g.noticed_at BETWEEN k.begun_at AND $2
           AND NOT EXISTS (SELECT FROM alarm a
                            WHERE a.organization_id = g.organization_id AND a.kind = 'sequence_gap'
                              AND starts_with(a.subject, g.device_id || ' ')))
    SELECT organization_id, count(*) FROM untold GROUP BY organization_id
"""


async def holes(db: Db, now: datetime) -> list[Count]:
    """Holes in senders' numbers that nobody was told of."""
    return [Count(**dict(row)) for row in await db.fetch(HOLES, now - HOLE_WITHIN, now - OUTBOX_WITHIN)]


OLD_QUARANTINE = """
    SELECT organization_id, count(*) FROM quarantine
     WHERE resolved_at IS NULL AND purged_at IS NULL AND organization_id IS NOT NULL AND received_at < $1
     GROUP BY organization_id
"""


async def old_quarantine(db: Db, now: datetime) -> list[Count]:
    """What has waited in quarantine for more than a day."""
    return [Count(**dict(row)) for row in await db.fetch(OLD_QUARANTINE, now - QUARANTINE_WITHIN)]


# A month has its partition when a bound says so, whatever it is called.
MONTH = """
    SELECT EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'reading'::regclass
           AND pg_get_expr(c.relpartbound, c.oid)
               LIKE '%FROM (''' || to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' %')
"""


async def month_ahead(db: Db, now: datetime) -> bool:
    """Whether next month's readings have a place."""
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    return bool(await db.fetchval(MONTH, first))


# Loops that beat all the time. Others rest long between rounds; the sender waits for its provider, and whether texts
# leave is asked of the outbox.
LOOPS = (("bridge", "ingest"), ("worker", "escalate"), ("worker", "sealer"))
BEATS = """
    SELECT n.process, n.loop FROM unnest($1::text[], $2::text[]) AS n (process, loop)
     WHERE NOT EXISTS (SELECT FROM heartbeat h
                        WHERE h.process = n.process AND h.loop = n.loop AND h.beat_at >= $3)
"""


async def silent_loops(db: Db, now: datetime) -> list[str]:
    """Loops of which no instance was heard for 30 s: "bridge: ingest". A bridge without its broker is silent too."""
    processes, loops = zip(*LOOPS, strict=True)
    rows = await db.fetch(BEATS, list(processes), list(loops), now - BEAT_WITHIN)
    return [f"{row['process']}: {row['loop']}" for row in rows]
