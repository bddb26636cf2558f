"""The ledger of reminders: a slot is (patient, rule, local date and hour), planned once whoever plans."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

LOOK_AHEAD = timedelta(hours=2)  # far enough to survive a restart, near enough that few slots are in sight
CATCH_UP = timedelta(hours=1)  # a worker that was away still keeps today's slot; older ones are gone

# Slots in sight of everybody whom a measurement rule concerns, who has been silent for its days, and whom no rule of
# its kind reminded within them. One per patient: somebody in two programmes gets one text. Who came back from a pause
# is not asked for the days of the pause.
SILENT = """
    SELECT DISTINCT ON (p.id) p.id AS patient_id, p.organization_id, u.id AS rule_id, s.slot,
           s.slot AT TIME ZONE p.zone AS due_at, NULL::uuid AS gap_id
      FROM reminder_rule u
      JOIN enrolment e ON e.programme_id = u.programme_id AND (e.valid_to IS NULL OR e.valid_to > $1)
      JOIN patient p ON p.id = e.patient_id
      CROSS JOIN LATERAL (
           SELECT ($1 AT TIME ZONE p.zone)::date + k + make_interval(hours => u.local_hour) AS slot
             FROM generate_series(-1, 1) AS k) s
     WHERE u.enabled AND u.kind = 'measurement' AND p.monitoring_status = 'active' AND NOT p.synthetic
       AND p.phone IS NOT NULL
       AND s.slot AT TIME ZONE p.zone BETWEEN $1 - $2::interval AND $1 + $3::interval
       AND greatest(e.valid_from, p.rebaseline_from)
           <= (s.slot - make_interval(days => u.after_days)) AT TIME ZONE p.zone
       AND NOT EXISTS (SELECT FROM reminder r JOIN reminder_rule o ON o.id = r.reminder_rule_id
                        WHERE r.patient_id = p.id AND o.kind = 'measurement'
                          AND r.slot > s.slot - make_interval(days => u.after_days))
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = p.id AND r.slot::date = s.slot::date AND r.status <> 'suppressed')
       AND NOT EXISTS (SELECT FROM reading d
                        WHERE d.patient_id = p.id
                          AND d.measured_at > (s.slot - make_interval(days => u.after_days)) AT TIME ZONE p.zone)
     ORDER BY p.id, due_at, u.id
"""
# The same for open gaps; how often and when each was touched decides the plan, which is pure.
GAPS = """
    SELECT p.id AS patient_id, p.organization_id, u.id AS rule_id, s.slot, s.slot AT TIME ZONE p.zone AS due_at,
           g.id AS gap_id, u.after_days, (g.opened_at AT TIME ZONE p.zone)::date AS opened_on,
           ARRAY(SELECT (t.touched_at AT TIME ZONE p.zone)::date FROM touch t
                  WHERE t.patient_id = p.id AND t.gap_id = g.id) AS touched_on
      FROM reminder_rule u
      JOIN gap g ON g.organization_id = u.organization_id AND g.measure = u.measure AND g.status = 'open'
      JOIN patient p ON p.id = g.patient_id
      CROSS JOIN LATERAL (
           SELECT ($1 AT TIME ZONE p.zone)::date + k + make_interval(hours => u.local_hour) AS slot
             FROM generate_series(-1, 1) AS k) s
     WHERE u.enabled AND u.kind = 'screening' AND p.monitoring_status = 'active' AND NOT p.synthetic
       AND p.phone IS NOT NULL
       AND s.slot AT TIME ZONE p.zone BETWEEN $1 - $2::interval AND $1 + $3::interval
       AND s.slot::date BETWEEN g.period_start AND g.period_end
       AND NOT EXISTS (SELECT FROM experiment x
                        WHERE x.organization_id = g.organization_id AND x.measure = g.measure AND x.stopped_at IS NULL
                          AND s.slot::date >= x.starts_on AND s.slot::date < x.ends_on
                          AND held_out(x.id, p.id, x.hold_out_percent))
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = p.id AND r.reminder_rule_id = u.id
                          AND r.slot > s.slot - make_interval(days => u.after_days))
       AND NOT EXISTS (SELECT FROM reminder r
                        WHERE r.patient_id = p.id AND r.slot::date = s.slot::date AND r.status <> 'suppressed')
     ORDER BY p.id, due_at, g.measure, g.id
"""
PLAN = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, gap_id, planned_at)
    SELECT n.*, $8
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamp[], $6::timestamptz[], $7::uuid[]) AS n
    ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
    RETURNING id
"""
# What is due, locked so that no other worker queues it too, with today's facts about the person.
DUE = """
    SELECT r.id, r.organization_id, r.patient_id, r.gap_id, r.slot, r.due_at, p.zone, p.language,
           coalesce(p.phone, '') AS phone, coalesce(p.phone_hash, '') AS phone_hash,
           p.monitoring_status = 'active' AS active, p.monitoring_status = 'deceased' AS deceased,
           o.name AS organization_name, o.state, o.trial_numbers,
           EXISTS (SELECT FROM consent c
                    WHERE c.patient_id = p.id AND c.channel = 'sms'
                      AND c.topic = CASE WHEN r.gap_id IS NULL THEN 'monitoring' ELSE 'outreach' END
                      AND c.valid_from <= $1 AND (c.valid_to IS NULL OR c.valid_to > $1)) AS consent,
           EXISTS (SELECT FROM opt_out x
                    WHERE x.sender_number = coalesce(o.sender_number, $2) AND x.phone_hash = p.phone_hash
                      AND x.ended_at IS NULL) AS opted_out,
           CASE WHEN r.gap_id IS NULL THEN NOT EXISTS (
                     SELECT FROM reading d WHERE d.patient_id = p.id
                        AND d.measured_at > (r.slot - make_interval(days => u.after_days)) AT TIME ZONE p.zone)
                ELSE EXISTS (SELECT FROM gap g WHERE g.patient_id = p.id AND g.id = r.gap_id AND g.status = 'open')
           END AS reason_still_there
      FROM reminder r
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      JOIN patient p ON p.id = r.patient_id
      JOIN organization o ON o.id = r.organization_id
     WHERE r.status = 'planned' AND r.due_at <= $1
     ORDER BY r.due_at, r.id LIMIT 200
       FOR UPDATE OF r SKIP LOCKED
"""
SETTLE = """
    UPDATE reminder r SET status = n.status, reason = n.reason, message_id = n.message_id, due_at = n.due_at
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
        AS n (patient_id, id, status, reason, message_id, due_at)
     WHERE r.patient_id = n.patient_id AND r.id = n.id AND r.status = 'planned'
"""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """When a rule would remind a patient; `slot` is on the patient's clock, `due_at` the same moment in UTC."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    rule_id: uuid.UUID
    slot: datetime
    due_at: datetime
    gap_id: uuid.UUID | None = None


class GapSlot(Slot, frozen=True, kw_only=True):
    """A slot for an open gap, with what the plan needs to know."""

    after_days: int
    opened_on: date
    touched_on: list[date]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder whose time has come, and the person as they are today."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    gap_id: uuid.UUID | None
    slot: datetime
    due_at: datetime
    zone: str
    language: str
    phone: str
    phone_hash: bytes
    active: bool
    deceased: bool
    organization_name: str
    state: str
    trial_numbers: list[str]
    consent: bool
    opted_out: bool
    reason_still_there: bool


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a due reminder; still `planned` when it only moved to a later `due_at`."""

    patient_id: uuid.UUID
    id: uuid.UUID
    status: str
    reason: str | None
    message_id: uuid.UUID | None
    due_at: datetime


async def silent(db: Db, now: datetime) -> list[Slot]:
    return [Slot(**dict(row)) for row in await db.fetch(SILENT, now, CATCH_UP, LOOK_AHEAD)]


async def gaps(db: Db, now: datetime) -> list[GapSlot]:
    return [GapSlot(**dict(row)) for row in await db.fetch(GAPS, now, CATCH_UP, LOOK_AHEAD)]


async def plan(db: Db, slots: Sequence[Slot], now: datetime) -> int:
    """How many were not planned already; two workers planning the same slot make one row."""
    if not slots:
        return 0
    rows = [
        (uuid7(), s.organization_id, s.patient_id, s.rule_id, s.slot, s.due_at, s.gap_id)
        for s in sorted(slots, key=lambda s: (s.patient_id, s.rule_id, s.slot))
    ]
    return len(await db.fetch(PLAN, *map(list, zip(*rows, strict=True)), now))


async def due(db: Db, now: datetime, default_sender: str) -> list[Due]:
    """What to decide on now; the rows stay locked until the transaction ends."""
    return [Due(**dict(row)) for row in await db.fetch(DUE, now, default_sender)]


async def settle(db: Db, settled: Sequence[Settled]) -> None:
    if settled:
        rows = [(s.patient_id, s.id, s.status, s.reason, s.message_id, s.due_at) for s in settled]
        await db.execute(SETTLE, *map(list, zip(*rows, strict=True)))


SET_HOUR = "UPDATE reminder_rule SET local_hour = $1"


async def set_local_hour(db: Db, hour: int) -> None:
    """Every reminder of the organization goes out at this hour of the patient's own clock."""
    await db.execute(SET_HOUR, hour)
