"""A changed rule that judges single readings is tried itself: a reading of its own vital crosses it, to the very end.

The end is a page to the sink where the rule has a high level, else an alert: what is less than high pages later. A rule
that knows only a patient's own limits, or that no programme carries, is not tried, and its page says so.
"""

import hashlib
import uuid
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from devices.units import BY_COLUMN
from server.auditing import synthetic
from server.db.pool import Db
from server.monitoring.findings import Severity, Side

FOR = timedelta(days=1)  # after the change; what could not be tried by then says so on the rule's page
AT_MOST = 5  # in one run
STEP = {"weight_kg": Decimal("0.1"), "temperature_c": Decimal("0.1")}  # of the others one is the least


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The worst level of a version, to be crossed."""

    version_id: uuid.UUID
    metric: str
    side: Side
    severity: Severity
    value: Decimal

    @property
    def crossing(self) -> Decimal:
        """The nearest number that crosses the level."""
        step = STEP.get(self.metric, Decimal(1))
        return self.value + {"above": step, "below": -step}.get(self.side, Decimal(0))


# It joins a programme that carries the rule, unless it is in one.
ENROL = """
    INSERT INTO enrolment (id, organization_id, patient_id, programme_id, valid_from)
    SELECT DISTINCT ON (v.id) g.programme_id, v.organization_id, $2, g.programme_id, $3
      FROM rule_version v
      JOIN rule u ON u.id = v.rule_id AND u.kind = 'crossing'
      JOIN programme_rule g ON g.rule_id = v.rule_id
     WHERE v.organization_id = $1 AND v.valid_to IS NULL AND NOT v.tried AND v.approved_at = v.valid_from
       AND v.valid_from > $3::timestamptz - $4::interval
       AND NOT EXISTS (SELECT FROM enrolment e JOIN programme_rule h ON h.programme_id = e.programme_id
                        WHERE e.patient_id = $2 AND e.valid_to IS NULL AND h.rule_id = v.rule_id)
     ORDER BY v.id, g.programme_id
    ON CONFLICT DO NOTHING
"""
# What the run's own reading has crossed needs no other.
TO_TRY = """
    SELECT DISTINCT ON (v.id) v.id AS version_id, d.metric, d.side, d.severity, d.value
      FROM rule_version v
      JOIN rule u ON u.id = v.rule_id AND u.kind = 'crossing'
      JOIN rule_limit d ON d.rule_version_id = v.id AND d.value IS NOT NULL
     WHERE v.organization_id = $1 AND v.valid_to IS NULL AND NOT v.tried AND v.approved_at = v.valid_from
       AND v.valid_from <= $3 AND v.valid_from > $3::timestamptz - $4::interval
       AND EXISTS (SELECT FROM enrolment e JOIN programme_rule g ON g.programme_id = e.programme_id
                    WHERE e.patient_id = $2 AND e.valid_to IS NULL AND g.rule_id = v.rule_id)
       AND NOT EXISTS (SELECT FROM finding f
                        WHERE f.patient_id = $2 AND f.rule_version_id = v.id AND f.measured_at >= $3)
     ORDER BY v.id, array_position(ARRAY['high', 'medium', 'low'], d.severity), d.metric DESC, d.side
"""


async def to_try(db: Db, organization: uuid.UUID, slot: datetime) -> list[Trial]:
    """The changed rules that a run begun at `slot` has to cross with a reading of their own; in turns if many."""
    patient = synthetic.patient_of(organization)
    await db.execute(ENROL, organization, patient, slot, FOR)
    rows = [Trial(**dict(row)) for row in await db.fetch(TO_TRY, organization, patient, slot, FOR)]
    able = [one for one in rows if one.metric in BY_COLUMN and _plausible(one)]
    turn = int(slot.timestamp() // 60) % len(able) if able else 0
    return [*able[turn:], *able[:turn]][:AT_MOST]


def _plausible(one: Trial) -> bool:
    metric = BY_COLUMN[one.metric]
    return metric.low <= one.crossing <= metric.high


def payload(one: Trial, now: datetime) -> bytes:
    """What a device at home says of it."""
    name, number = one.metric.rpartition("_")[0], float(one.crossing)
    beside = {"systolic": {"diastolic": min(70, number - 20)}, "diastolic": {"systolic": number + 40}}.get(name, {})
    kind = "blood_pressure" if beside else name
    return msgspec.json.encode({"kind": kind, "measured_at": now.isoformat(), name: number, **beside})


REACHED = """
    SELECT EXISTS (
        SELECT FROM arrival x
          JOIN finding f ON f.patient_id = x.patient_id AND f.anchor = x.reading_id::text
           AND f.rule_version_id = $3 AND f.alert_id IS NOT NULL
         WHERE x.device_id = $1 AND x.epoch = 0 AND x.key = $2
           AND ($4 <> 'high' OR EXISTS (
               SELECT FROM message m
                WHERE m.alert_id = f.alert_id AND m.purpose = 'page' AND m.to_number = 'sink'
                  AND m.status = 'withheld' AND m.reason = 'sink')))
"""


async def reached(db: Db, device: str, one: Trial, sent: bytes) -> bool:
    """Was what was sent judged by this very version, and is its page where it ends?"""
    return bool(await db.fetchval(REACHED, device, hashlib.sha256(sent).hexdigest(), one.version_id, one.severity))
