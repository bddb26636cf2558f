"""A device whose battery runs low is charged before it falls silent: told by its status, or by a flag on a reading."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.monitoring.alarms import Alarm
from server.monitoring.findings import Severity

KIND = "device_battery"
# Settings of 2026-11-22, for sign-off. Between low and well nothing changes, so that one at the edge does not flicker.
LOW_PCT, EMPTY_PCT, WELL_PCT = Decimal(15), Decimal(5), Decimal(30)
FLAG = "low_battery"
FLAG_LASTS = timedelta(days=2)  # without a percentage a device is well again when it stops saying so
CHARGED = "Closed by itself: the battery is charged, or nobody has the device now."


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """A device on loan; `percent` is None where it only ever sets a flag."""

    organization_id: uuid.UUID
    device_id: str
    percent: Decimal | None
    flagged: bool
    kind_of_battery: str | None


# Only devices somebody has now, and the hubs such devices speak through. A flag is looked for in the newest readings.
WORN = """
    WITH lent AS (
        SELECT DISTINCT d.id, d.organization_id, d.hub_id FROM loan l
          JOIN patient p ON p.id = l.patient_id AND p.monitoring_status = 'active' AND NOT p.synthetic
          JOIN device d ON d.id = l.device_id AND d.disabled_at IS NULL
         WHERE l.lent @> $1::timestamptz),
    watched AS (SELECT id, organization_id FROM lent
                 UNION SELECT h.id, h.organization_id FROM lent l JOIN device h ON h.id = l.hub_id),
    flagged AS (
        SELECT DISTINCT r.device_id FROM reading r
         WHERE r.received_at > $1 - $4::interval AND r.received_at <= $1 AND $5 = ANY (r.flags))
    SELECT w.organization_id, w.id AS device_id, s.battery_pct AS percent, f.device_id IS NOT NULL AS flagged,
           m.battery AS kind_of_battery
      FROM watched w
      JOIN device d ON d.id = w.id
      JOIN device_model m ON m.id = d.model_id
      LEFT JOIN device_state s ON s.device_id = w.id
      LEFT JOIN flagged f ON f.device_id = w.id
     WHERE s.battery_pct <= $2 OR (s.battery_pct IS NULL AND f.device_id IS NOT NULL)
        OR (s.battery_pct < $3 AND EXISTS (
            SELECT FROM alarm a WHERE a.organization_id = w.organization_id AND a.kind = $6 AND a.subject = w.id
               AND a.status <> 'resolved'))
     ORDER BY w.id
"""


async def worn(db: Db, now: datetime) -> list[Battery]:
    """Those that are low, and those that were and are not well yet."""
    rows = await db.fetch(WORN, now, LOW_PCT, WELL_PCT, FLAG_LASTS, FLAG, KIND)
    return [Battery(**dict(row)) for row in rows]


def alarm(one: Battery) -> Alarm:
    """Low: a call on the next working day. Nearly empty: within hours, before it falls silent."""
    empty = one.percent is not None and one.percent <= EMPTY_PCT
    severity: Severity = "medium" if empty else "low"
    level = "is nearly empty" if empty else "is low"
    shown = f" ({one.percent:f} %)" if one.percent is not None and not empty else ""
    how = f"It takes {one.kind_of_battery}." if one.kind_of_battery else "Charge it, or change its batteries."
    return Alarm(
        organization_id=one.organization_id, kind=KIND, subject=one.device_id, severity=severity,
        says=f"This device's battery {level}{shown}. Call the patient before it falls silent. {how}",
    )  # fmt: skip


RISEN = """
    UPDATE alarm a SET severity = 'medium'
      FROM unnest($1::uuid[], $2::text[]) AS n (organization_id, subject)
     WHERE a.organization_id = n.organization_id AND a.kind = $3 AND a.subject = n.subject
       AND a.status <> 'resolved' AND a.severity = 'low'
"""


async def raise_to_medium(db: Db, alarms: Sequence[Alarm]) -> None:
    """A low one that is nearly empty by now."""
    urgent = [(one.organization_id, one.subject) for one in alarms if one.severity == "medium"]
    if urgent:
        organizations, subjects = zip(*urgent, strict=True)
        await db.execute(RISEN, list(organizations), list(subjects), KIND)
