"""What must be true at any moment: texts leave, holes are told, months are there, and every loop of ours lives."""

import uuid
from datetime import datetime, timedelta

import msgspec

from server.auditing.pace import Often, Pace
from server.db.pool import Db

OUTBOX_WITHIN = timedelta(minutes=2)
HOLE_WITHIN = timedelta(minutes=6)  # the worker waits 2 for what overtakes, and looks every 2
QUARANTINE_WITHIN = timedelta(hours=24)
PAGES_BACK = timedelta(hours=1)


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How often something is so in one organization."""

    organization_id: uuid.UUID
    count: int


# A page about something is due from when it is written, whatever its row says of times to come: trying again later
# takes a minute at most.
# Reminders may wait for as long as others go out from their number: it texts no faster than its carrier lets it.
STUCK = """
    SELECT m.organization_id, count(*)
      FROM message m
      JOIN organization o ON o.id = m.organization_id
      CROSS JOIN LATERAL (
           SELECT m.purpose = 'page' AND (m.alert_id IS NOT NULL OR m.alarm_id IS NOT NULL) AS at_once) k
     WHERE m.channel IN ('sms', 'voice')
       AND (m.status = 'queued' AND CASE WHEN k.at_once THEN m.created_at < $1 ELSE m.not_before < $2 END
            AND NOT (m.purpose = 'reminder' AND EXISTS (
                SELECT FROM sender_pace p
                 WHERE p.channel = m.channel AND p.empty_at > $2
                   AND (p.sender_number = o.sender_number OR o.sender_number IS NULL AND NOT EXISTS (
                        SELECT FROM organization x WHERE x.sender_number = p.sender_number))))
         OR m.status = 'sending' AND CASE WHEN k.at_once THEN m.created_at < $1 AND m.claimed_at NOT BETWEEN $1 AND $3
                                          ELSE m.claimed_at < $2 END)
     GROUP BY m.organization_id
"""


async def stuck(db: Db, now: datetime, pace: Pace) -> list[Count]:
    """Texts that were due a while ago and have not left."""
    return [Count(**dict(row)) for row in await db.fetch(STUCK, now - pace.patience, now - OUTBOX_WITHIN, now)]


# Of a provider that takes texts and delivers none we hear nothing. One that arrived since says that it delivers, or
# that the next in line got theirs.
UNHEARD = """
    SELECT m.organization_id, count(*)
      FROM message m JOIN organization o ON o.id = m.organization_id AND o.state = 'live'
     WHERE m.purpose = 'page' AND m.to_number <> 'sink' AND m.created_at > $2 AND m.created_at < $1
       AND (m.status IN ('sent', 'unknown', 'failed') OR m.status = 'withheld' AND m.reason = 'no_gateway')
       AND NOT EXISTS (SELECT FROM message n
                        WHERE n.organization_id = m.organization_id AND n.purpose = 'page'
                          AND n.status = 'delivered' AND n.created_at > m.created_at)
     GROUP BY m.organization_id
"""


async def unheard(db: Db, now: datetime, pace: Pace) -> list[Count]:
    """Pages that nobody knows to have arrived, or that no provider was there to take, and no newer one arrived."""
    return [Count(**dict(row)) for row in await db.fetch(UNHEARD, now - pace.patience, now - PAGES_BACK)]


# With the task for a person its reason becomes "unresolved"; what stays unknown without one nobody would ever hear of.
UNDECIDED = """
    SELECT organization_id, count(*) FROM message
     WHERE status = 'unknown' AND reason IS DISTINCT FROM 'unresolved' AND claimed_at < $1
     GROUP BY organization_id
"""


async def undecided(db: Db, now: datetime, pace: Pace) -> list[Count]:
    """Texts of which it is not known whether they left, for longer than a person should wait to be told."""
    return [Count(**dict(row)) for row in await db.fetch(UNDECIDED, now - pace.undecided)]


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


async def has_months(db: Db, now: datetime) -> bool:
    """Whether this month's and next month's readings have a place."""
    this = now.replace(day=1)
    return all([await db.fetchval(MONTH, first) for first in (this, (this + timedelta(days=32)).replace(day=1))])


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """A loop that must be heard: at any time (`required`), or once it ever was."""

    process: str
    loop: str
    often: Often = "beats"
    required: bool = False


SLOW = (
    "reconcile", "sequences", "silence", "batteries", "roster", "reminders", "life", "after_hours", "try_phones",
    "unclear_texts",
)  # fmt: skip
# What they do may take long: a mail server that is slow, months of readings.
UNHURRIED = ("post", "drafts", "content", "baselines", "gaps", "quarantine", "partitions")

# `answers` is no loop: the auditor asks the web and the provider, and notes here when they answered.
LOOPS = (
    Loop(process="bridge", loop="ingest", required=True),
    Loop(process="worker", loop="escalate", required=True),
    Loop(process="worker", loop="sealer", required=True),
    Loop(process="worker", loop="confirm"),
    Loop(process="worker", loop="safety"),
    Loop(process="worker", loop="series", often="patience"),
    Loop(process="worker", loop="sender", often="patience"),
    Loop(process="worker", loop="snoozes"),
    Loop(process="worker", loop="put_back"),
    Loop(process="worker", loop="left_over", often="patience"),
    *(Loop(process="worker", loop=name, often="slow") for name in SLOW),
    *(Loop(process="worker", loop=name, often="unhurried") for name in UNHURRIED),
    Loop(process="auditor", loop="canary", often="run"),
    Loop(process="web", loop="answers", often="patience"),
    Loop(process="provider", loop="answers", often="patience"),
)
# A beat from the future comes from a clock that is wrong: it says nothing of the time when its loop will have ended.
SILENT = """
    SELECT n.process || ': ' || n.loop AS name
      FROM unnest($1::text[], $2::text[], $3::bool[], $4::interval[]) AS n (process, loop, required, within)
     WHERE NOT EXISTS (SELECT FROM heartbeat h
                        WHERE h.process = n.process AND h.loop = n.loop
                          AND h.beat_at BETWEEN $5::timestamptz - n.within AND $5::timestamptz + n.within)
       AND (n.required OR EXISTS (SELECT FROM heartbeat h WHERE h.process = n.process AND h.loop = n.loop))
     ORDER BY name
"""


async def silent_loops(db: Db, now: datetime, pace: Pace, *, unhurried: bool = False) -> list[str]:
    """Loops of which no instance was heard lately: "bridge: ingest". A bridge without its broker is silent too.

    `unhurried`: of those that can wait, else of those that cannot.
    """
    asked = [one for one in LOOPS if (one.often == "unhurried") is unhurried]
    rows = [(one.process, one.loop, one.required, pace.within[one.often]) for one in asked]
    return [row["name"] for row in await db.fetch(SILENT, *map(list, zip(*rows, strict=True)), now)]
