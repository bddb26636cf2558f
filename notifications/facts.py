"""What is true of a claimed message at the moment of sending: asked of the database anew, never remembered."""

import uuid
from datetime import datetime
from typing import Any

import msgspec

from notifications.policy import Facts
from notifications.quiet_hours import Window

# Two senders decide on reminders to one patient after another, so the second counts what the first lets go.
IN_TURN = """
    SELECT pg_advisory_xact_lock(hashtextextended('reminder to:' || patient_id, 0))
      FROM message WHERE id = $1 AND purpose = 'reminder' AND patient_id IS NOT NULL
"""
# An opt-out is confirmed within five minutes of the text, or never: 47 CFR 64.1200(a)(12).
# The reason of a page is its open alert or alarm, a nurse still employed, and that nothing newer says the same to the
# same telephone; of a reminder, that one of those it stands for has its reason and time still, and that the number is
# theirs. A text of several names none of them, a call says each: it goes while all have their reason and their time.
# A proxy who lives elsewhere has the hours of the law there: those that the patient chose are the patient's.
FACTS = """
    SELECT m.purpose, m.to_number, coalesce(p.zone, o.zone) AS zone,
           o.state AS organization_state, o.trial_numbers, coalesce(o.sender_number, $2) AS from_number,
           m.channel, q.topic, m.reason AS waited_for, m.created_at AS written_at, m.wording = 'staff_text' AS by_staff,
           CASE WHEN m.purpose <> 'answer' THEN NULL
                WHEN m.wording = 'staff_text' THEN (
                     SELECT max(y.received_at) FROM reply y
                      WHERE y.organization_id = m.organization_id AND y.from_hash = m.to_hash
                        AND y.received_at <= m.created_at)
                ELSE (SELECT y.received_at FROM reply y
                       WHERE y.id = substring(m.unique_for FROM '^reply:([0-9a-f-]{36})')::uuid) END AS answers_at,
           coalesce(CASE m.channel WHEN 'sms' THEN t.cannot_text WHEN 'email' THEN t.cannot_text
                                   WHEN 'voice' THEN t.cannot_call END IS NOT NULL, false) AS cannot_text,
           coalesce(q.moot_at, CASE WHEN m.wording LIKE 'opt\\_out\\_%' THEN m.created_at + interval '5 minutes' END)
               AS moot_at, coalesce(q.stopped, false) AS stopped, coalesce(q.priority, 5) AS priority, q.urgent_later,
           x.zone AS reader_zone, CASE WHEN x.zone IS NULL THEN p.region ELSE x.region END AS region,
           CASE WHEN x.zone IS NULL THEN f.opens END AS opens, CASE WHEN x.zone IS NULL THEN f.closes END AS closes,
           d.sent_today, d.sent_this_week, o.reminders_a_day AS a_day, o.reminders_a_week AS a_week,
           m.staff_id IS NOT NULL AS to_staff,
           m.wording LIKE 'opt\\_out\\_%' AS confirms_opt_out,
           coalesce(p.monitoring_status = 'active', true) AS patient_active,
           coalesce(p.monitoring_status = 'deceased', false) AS patient_deceased,
           CASE WHEN m.channel = 'portal' THEN true
                WHEN k.proxy_id IS NOT NULL THEN q.topic = ANY(k.topics)
                ELSE a.since IS NOT NULL END AS consent,
           a.since AS consent_since, CASE WHEN k.proxy_id IS NULL THEN a.withdrew_at END AS withdrew_at,
           NOT (m.purpose = 'safety' AND m.channel = 'voice') AND EXISTS (
                SELECT FROM door_opt_out(
                    m.organization_id,
                    CASE m.channel WHEN 'email' THEN 'email:' || m.organization_id
                                   ELSE coalesce(o.sender_number, $2) END,
                    m.to_hash)) AS opted_out,
           CASE m.purpose
           WHEN 'page' THEN s.disabled_at IS NULL AND (m.alert_id IS NULL OR EXISTS (
                SELECT FROM alert a
                 WHERE a.organization_id = m.organization_id AND a.id = m.alert_id AND a.status = 'open'))
                AND (m.alarm_id IS NULL OR EXISTS (SELECT FROM alarm b WHERE b.id = m.alarm_id AND b.status = 'open'))
                AND NOT EXISTS (
                SELECT FROM message n
                 WHERE n.purpose = 'page' AND n.to_hash = m.to_hash AND n.created_at > m.created_at
                   AND (n.alert_id = m.alert_id OR n.alarm_id = m.alarm_id))
           WHEN 'reminder' THEN coalesce(q.there, false)
                AND (m.contact_point_id IS NULL AND (p.phone_hash = m.to_hash OR m.channel = 'portal')
                     OR k.address_hash = m.to_hash)
           ELSE true END AS reason_still_there
      FROM message m
      JOIN organization o ON o.id = m.organization_id
      LEFT JOIN patient p ON p.id = m.patient_id
      LEFT JOIN staff s ON s.id = m.staff_id
      LEFT JOIN contact_preference f ON f.patient_id = m.patient_id
      LEFT JOIN telephone t ON t.organization_id = m.organization_id AND t.phone_hash = m.to_hash
      LEFT JOIN contact_point k ON k.patient_id = m.patient_id AND k.id = m.contact_point_id
           AND k.valid_from <= $3 AND (k.valid_to IS NULL OR k.valid_to > $3)
      LEFT JOIN proxy x ON x.id = k.proxy_id
      CROSS JOIN LATERAL (
           SELECT CASE m.channel WHEN 'voice' THEN bool_and(e.there)
                  ELSE coalesce(bool_or(e.there) FILTER (WHERE e.moot_at > $3), bool_or(e.there)) END AS there,
                  CASE WHEN bool_or(e.kind IN ('screening', 'vaccination')) THEN 'outreach' ELSE 'monitoring' END
                      AS topic,
                  min(e.priority) AS priority,
                  CASE m.channel WHEN 'voice' THEN min(e.moot_at) ELSE max(e.moot_at) END AS moot_at,
                  bool_and(e.stopped) AS stopped,
                  reminder_urgent_later(m.patient_id, p.zone, $3) AS urgent_later
             FROM (SELECT u.kind, u.priority, reminder_reason_there(r.patient_id, r.id, $3) AS there,
                          valid_at(r.slot, p.zone) + make_interval(hours => u.lasts_hours) AS moot_at,
                          reminder_stopped(r.organization_id, p.clinic_id, u.kind, u.measure) AS stopped
                     FROM reminder r JOIN reminder_rule u ON u.id = r.reminder_rule_id
                    WHERE r.message_id = m.id AND m.purpose = 'reminder') AS e) AS q
      CROSS JOIN LATERAL (
           SELECT max(c.valid_from) FILTER (
                      WHERE c.channel = m.channel AND c.topic = q.topic
                        AND c.valid_from <= $3 AND (c.valid_to IS NULL OR c.valid_to > $3))
                      AS since,
                  max(c.valid_to) FILTER (
                      WHERE c.valid_to <= $3
                        AND (c.channel = m.channel OR ARRAY[c.channel, m.channel] <@ '{sms,voice}'))
                      AS withdrew_at
             FROM consent c WHERE c.patient_id = m.patient_id) AS a
      CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE (n.at AT TIME ZONE p.zone)::date = ($3 AT TIME ZONE p.zone)::date)
                      AS sent_today,
                  count(*) AS sent_this_week
             FROM (SELECT n.claimed_at AS at FROM message n
                    WHERE m.purpose = 'reminder' AND n.patient_id = m.patient_id AND n.purpose = 'reminder'
                      AND n.id <> m.id AND n.created_at > $3::timestamptz - interval '15 days'
                      AND (n.status IN ('sent', 'delivered', 'unknown') OR n.status = 'sending' AND EXISTS (
                           SELECT FROM attempt t WHERE t.message_id = n.id AND t.outcome = 'started'))) AS n
            WHERE (n.at AT TIME ZONE p.zone)::date > ($3 AT TIME ZONE p.zone)::date - 7) AS d
     WHERE m.id = $1
"""


async def of(db: Any, message: uuid.UUID, default_sender: str, now: datetime) -> tuple[Facts, str]:
    """(the facts that the policy decides on, the number of ours that it would come from)."""
    await db.execute(IN_TURN, message)
    row = dict(await db.fetchrow(FACTS, message, default_sender, now))
    sender = row.pop("from_number")
    row["trial_numbers"] = frozenset(row["trial_numbers"])
    opens, closes = row.pop("opens"), row.pop("closes")
    row["own"] = Window(opens=opens, closes=closes) if opens is not None else None
    return msgspec.convert(row, Facts), sender
