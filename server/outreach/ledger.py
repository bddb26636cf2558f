"""The ledger of reminders: a slot is (patient, rule, local date and hour), planned once whoever plans."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

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
# One worker decides for a patient at a time, on all that is due together; the others take other patients.
MINE = """
    SELECT patient_id FROM (
        SELECT patient_id FROM reminder WHERE status = 'planned' AND due_at <= $1
         GROUP BY patient_id ORDER BY min(due_at), patient_id LIMIT 200) AS waiting
     WHERE pg_try_advisory_xact_lock(hashtextextended('reminders:' || patient_id, 0))
"""
# What is due for them, with today's facts about each. Enough of a day, and of seven, is counted on the patient's own
# calendar, in messages: several reminders in one message are one.
DUE = """
    SELECT r.id, r.organization_id, r.patient_id, r.gap_id, r.slot, r.due_at, p.zone, p.language, u.kind, u.priority,
           valid_at(r.slot, p.zone) + make_interval(hours => u.lasts_hours) AS moot_at,
           coalesce(p.phone, '') AS phone, coalesce(p.phone_hash, '') AS phone_hash,
           p.monitoring_status = 'active' AS active, p.monitoring_status = 'deceased' AS deceased,
           o.name AS organization_name, o.state, o.trial_numbers, o.reminders_a_day AS a_day,
           o.reminders_a_week AS a_week, p.region, f.opens, f.closes, coalesce(f.with_links, true) AS with_links,
           coalesce(t.cannot_text IS NOT NULL, false) AS cannot_text,
           EXISTS (SELECT FROM consent c
                    WHERE c.patient_id = p.id AND c.channel = 'sms'
                      AND c.topic = CASE WHEN r.gap_id IS NULL THEN 'monitoring' ELSE 'outreach' END
                      AND c.valid_from <= $1 AND (c.valid_to IS NULL OR c.valid_to > $1)) AS consent,
           EXISTS (SELECT FROM opt_out x
                    WHERE x.sender_number = coalesce(o.sender_number, $2) AND x.phone_hash = p.phone_hash
                      AND x.ended_at IS NULL) AS opted_out,
           coalesce(reminder_reason_there(r.patient_id, r.id, $1), false) AS reason_still_there,
           reminder_stopped(r.organization_id, p.clinic_id, u.kind, u.measure) AS stopped,
           s.sent_today, s.sent_this_week, a.starts_at
      FROM reminder r
      JOIN reminder_rule u ON u.id = r.reminder_rule_id
      JOIN patient p ON p.id = r.patient_id
      JOIN organization o ON o.id = r.organization_id
      LEFT JOIN appointment a ON u.kind = 'appointment' AND a.patient_id = r.patient_id AND a.id = r.subject_id
      LEFT JOIN contact_preference f ON f.patient_id = p.id
      LEFT JOIN telephone t ON t.organization_id = p.organization_id AND t.phone_hash = p.phone_hash
      CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE (m.at AT TIME ZONE p.zone)::date = ($1 AT TIME ZONE p.zone)::date)
                      AS sent_today,
                  count(*) AS sent_this_week
             FROM (SELECT coalesce(m.claimed_at, m.not_before) AS at FROM message m
                    WHERE m.patient_id = p.id AND m.purpose = 'reminder'
                      AND m.created_at > $1::timestamptz - interval '8 days'
                      AND m.status IN ('queued', 'sending', 'sent', 'delivered', 'unknown', 'withheld')) AS m
            WHERE (m.at AT TIME ZONE p.zone)::date > ($1 AT TIME ZONE p.zone)::date - 7) AS s
     WHERE r.status = 'planned' AND r.due_at <= $1 AND r.patient_id = ANY($3::uuid[])
     ORDER BY r.patient_id, u.priority, r.due_at, r.id
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
    moot_at: datetime
    kind: str
    priority: int
    zone: str
    language: str
    phone: str
    phone_hash: bytes
    active: bool
    deceased: bool
    organization_name: str
    state: str
    trial_numbers: list[str]
    a_day: int
    a_week: int
    region: str | None
    opens: time | None
    closes: time | None
    with_links: bool
    cannot_text: bool
    consent: bool
    opted_out: bool
    reason_still_there: bool
    stopped: bool
    sent_today: int
    sent_this_week: int
    starts_at: datetime | None


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
    """What to decide on now, one patient's together and the most important first; theirs until the transaction ends."""
    mine = [row["patient_id"] for row in await db.fetch(MINE, now)]
    # A second statement: it sees what another worker committed before it let go of the patient.
    return [Due(**dict(row)) for row in await db.fetch(DUE, now, default_sender, mine)] if mine else []


async def settle(db: Db, settled: Sequence[Settled]) -> None:
    if settled:
        rows = [(s.patient_id, s.id, s.status, s.reason, s.message_id, s.due_at) for s in settled]
        await db.execute(SETTLE, *map(list, zip(*rows, strict=True)))


SET_HOUR = "UPDATE reminder_rule SET local_hour = $1"


async def set_local_hour(db: Db, hour: int) -> None:
    """Every reminder of the organization goes out at this hour of the patient's own clock."""
    await db.execute(SET_HOUR, hour)
