"""What is true of a claimed message at the moment of sending: asked of the database anew, never remembered."""

import uuid
from datetime import datetime
from typing import Any

import msgspec

from notifications.policy import Facts

# The reason of a page is its open alert or alarm, a nurse still employed, and that nothing newer says the same to the
# same telephone; of a measurement reminder, that nothing was measured since; of a screening reminder, its open gap. A
# patient's reminder also needs the number to be theirs still.
FACTS = """
    SELECT m.purpose, m.to_number, m.created_at, coalesce(p.zone, o.zone) AS zone,
           o.state AS organization_state, o.trial_numbers, coalesce(o.sender_number, $2) AS from_number,
           CASE WHEN m.gap_id IS NULL THEN 'monitoring' ELSE 'outreach' END AS topic,
           m.staff_id IS NOT NULL AS to_staff,
           m.wording LIKE 'opt\\_out\\_%' AS confirms_opt_out,
           coalesce(p.monitoring_status = 'active', true) AS patient_active,
           coalesce(p.monitoring_status = 'deceased', false) AS patient_deceased,
           EXISTS (SELECT FROM consent c
                    WHERE c.patient_id = m.patient_id AND c.channel = 'sms'
                      AND c.topic = CASE WHEN m.gap_id IS NULL THEN 'monitoring' ELSE 'outreach' END
                      AND c.valid_from <= $3 AND (c.valid_to IS NULL OR c.valid_to > $3)) AS consent,
           EXISTS (SELECT FROM opt_out x
                    WHERE x.sender_number = coalesce(o.sender_number, $2) AND x.phone_hash = m.to_hash
                      AND x.ended_at IS NULL) AS opted_out,
           CASE m.purpose
           WHEN 'page' THEN s.disabled_at IS NULL AND (m.alert_id IS NULL OR EXISTS (
                SELECT FROM alert a
                 WHERE a.organization_id = m.organization_id AND a.id = m.alert_id AND a.status = 'open'))
                AND (m.alarm_id IS NULL OR EXISTS (SELECT FROM alarm b WHERE b.id = m.alarm_id AND b.status = 'open'))
                AND NOT EXISTS (
                SELECT FROM message n
                 WHERE n.purpose = 'page' AND n.to_hash = m.to_hash AND n.created_at > m.created_at
                   AND (n.alert_id = m.alert_id OR n.alarm_id = m.alarm_id))
           WHEN 'reminder' THEN p.phone_hash = m.to_hash AND CASE
                WHEN m.gap_id IS NOT NULL THEN EXISTS (
                    SELECT FROM gap g WHERE g.patient_id = m.patient_id AND g.id = m.gap_id AND g.status = 'open')
                ELSE NOT EXISTS (
                    SELECT FROM reminder r JOIN reminder_rule u ON u.id = r.reminder_rule_id
                      JOIN reading d ON d.patient_id = r.patient_id
                       AND d.measured_at > (r.slot - make_interval(days => u.after_days)) AT TIME ZONE p.zone
                     WHERE r.patient_id = m.patient_id AND r.id = m.reminder_id) END
           ELSE true END AS reason_still_there
      FROM message m
      JOIN organization o ON o.id = m.organization_id
      LEFT JOIN patient p ON p.id = m.patient_id
      LEFT JOIN staff s ON s.id = m.staff_id
     WHERE m.id = $1
"""


async def of(db: Any, message: uuid.UUID, default_sender: str, now: datetime) -> tuple[Facts, str]:
    """(the facts that the policy decides on, the number of ours that it would come from)."""
    row = dict(await db.fetchrow(FACTS, message, default_sender, now))
    sender = row.pop("from_number")
    row["trial_numbers"] = frozenset(row["trial_numbers"])
    return msgspec.convert(row, Facts), sender
