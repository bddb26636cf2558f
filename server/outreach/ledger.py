"""The ledger of reminders: a slot is (patient, rule, local date and hour), planned once whoever plans."""

import uuid
from collections.abc import Sequence
from datetime import datetime, time

import msgspec

from server.db.pool import Db
from server.people.channel_order import Channel

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
    SELECT r.id, r.organization_id, r.patient_id, r.gap_id, r.slot, r.due_at, r.tried, p.zone, p.language, u.kind,
           u.priority, valid_at(r.slot, p.zone) + make_interval(hours => u.lasts_hours) AS moot_at,
           coalesce(p.phone, '') AS phone, coalesce(p.phone_hash, '') AS phone_hash,
           p.monitoring_status = 'active' AS active, p.monitoring_status = 'deceased' AS deceased,
           o.name AS organization_name, o.state, o.trial_numbers, o.reminders_a_day AS a_day,
           o.reminders_a_week AS a_week, p.region, f.opens, f.closes, coalesce(f.with_links, true) AS with_links,
           coalesce(t.cannot_text IS NOT NULL, false) AS cannot_text,
           c.since AS consent_since, c.withdrew_at, r.reason AS waited_for,
           reminder_urgent_later(p.id, p.zone, $1) AS urgent_later,
           EXISTS (SELECT FROM door_opt_out(o.id, coalesce(o.sender_number, $2), p.phone_hash)) AS opted_out,
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
                      AND m.created_at > $1::timestamptz - interval '15 days'
                      AND m.status IN ('queued', 'sending', 'sent', 'delivered', 'unknown', 'withheld')) AS m
            WHERE (m.at AT TIME ZONE p.zone)::date > ($1 AT TIME ZONE p.zone)::date - 7) AS s
      CROSS JOIN LATERAL (
           SELECT max(c.valid_from) FILTER (
                      WHERE c.channel = 'sms'
                        AND c.topic = CASE WHEN u.kind IN ('screening', 'vaccination') THEN 'outreach'
                                           ELSE 'monitoring' END
                        AND c.valid_from <= $1 AND (c.valid_to IS NULL OR c.valid_to > $1)) AS since,
                  max(c.valid_to) FILTER (WHERE c.valid_to <= $1) AS withdrew_at
             FROM consent c WHERE c.patient_id = p.id AND c.channel IN ('sms', 'voice')) AS c
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


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder whose time has come, and the person as they are today."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    gap_id: uuid.UUID | None
    slot: datetime
    due_at: datetime
    tried: list[str]  # ways by which it surely did not arrive
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
    consent_since: datetime | None
    withdrew_at: datetime | None
    waited_for: str | None
    urgent_later: bool
    opted_out: bool
    reason_still_there: bool
    stopped: bool
    sent_today: int
    sent_this_week: int
    starts_at: datetime | None
    # By the patient's own number and as a text, unless another way was chosen.
    channel: Channel = "sms"
    contact_point_id: uuid.UUID | None = None
    for_name: str | None = None
    reader_zone: str | None = None  # a proxy's, who lives elsewhere


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a due reminder; still `planned` when it only moved to a later `due_at`."""

    patient_id: uuid.UUID
    id: uuid.UUID
    status: str
    reason: str | None
    message_id: uuid.UUID | None
    due_at: datetime


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
