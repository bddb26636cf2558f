"""An alert is the open episode of one patient and one rule; its findings are the evidence."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import retrospective
from server.monitoring.findings import Age, Finding, Severity

Outcome = Literal[
    "contacted_patient", "medication_changed", "visit_arranged", "sent_to_emergency", "technical", "no_action_needed"
]


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a batch left it. `opened` is true for the batch that opened it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    rule_id: uuid.UUID
    severity: Severity
    status: str
    age: Age
    unconfirmed: bool
    opened: bool


RECORD = """
    INSERT INTO alert AS a (id, organization_id, patient_id, rule_id, severity, unconfirmed, age,
                            opened_at, last_finding_at, finding_count)
    SELECT n.id, n.organization_id, n.patient_id, n.rule_id, n.severity, n.unconfirmed, n.age, $9, $9, n.findings
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bool[], $7::text[], $8::int[])
        AS n (id, organization_id, patient_id, rule_id, severity, unconfirmed, age, findings)
     ORDER BY n.patient_id, n.rule_id
    ON CONFLICT (patient_id, rule_id) WHERE status <> 'resolved' DO UPDATE
       SET severity = worse(a.severity, excluded.severity),
           status = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.status ELSE 'open' END,
           acknowledged_by = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.acknowledged_by END,
           acknowledged_at = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.acknowledged_at END,
           age = nearer(a.age, excluded.age),
           unconfirmed = a.unconfirmed AND excluded.unconfirmed,
           last_finding_at = excluded.last_finding_at,
           finding_count = a.finding_count + excluded.finding_count
    RETURNING a.id, a.organization_id, a.patient_id, a.rule_id, a.severity, a.status, a.age, a.unconfirmed,
              (xmax = 0) AS opened
"""


async def record(db: Db, findings: Sequence[Finding], now: datetime) -> list[Episode]:
    """Open an alert for each patient and rule that has new findings, or add to the one that is open.

    Severity only rises, and a rise opens again what was acknowledged as less. Historic findings, whatever their
    rule and whatever else stands open, go to the patient's one item of older readings. Sorted by patient and rule:
    two batches that meet must not deadlock.
    """
    if not findings:
        return []
    groups: dict[tuple[uuid.UUID, uuid.UUID], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.patient_id, finding.filed_under), []).append(finding)
    await retrospective.make_rules(db, (f.organization_id for f in findings if f.age == "historic"))
    rows = [_as_row(rule, group) for (_, rule), group in sorted(groups.items())]
    records = await db.fetch(RECORD, *map(list, zip(*rows, strict=True)), now)
    return [Episode(**record) for record in records]


SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")


def _as_row(rule: uuid.UUID, group: list[Finding]) -> tuple[object, ...]:
    first = group[0]
    severity = max((f.severity for f in group), key=SEVERITIES.index)
    age = max((f.age for f in group), key=("historic", "late", "live").index)
    if age == "historic":
        severity = min(severity, retrospective.WORST, key=SEVERITIES.index)
    unconfirmed = all(f.unconfirmed for f in group)
    return (
        uuid7(), first.organization_id, first.patient_id, rule, severity, unconfirmed, age, len(group),
    )  # fmt: skip


TOLD_WITH = """
    UPDATE alert a SET told_with = n.message_id
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (patient_id, id, message_id)
     WHERE a.patient_id = n.patient_id AND a.id = n.id
"""


async def told_with(db: Db, told: Sequence[tuple[uuid.UUID, uuid.UUID, uuid.UUID]]) -> None:
    """Of each (patient, alert) the page of another alert that told of it too."""
    if told:
        await db.execute(TOLD_WITH, *map(list, zip(*sorted(told), strict=True)))


ACKNOWLEDGE = """
    UPDATE alert SET status = 'acknowledged', acknowledged_by = $3, acknowledged_at = $4,
           first_acknowledged_by = coalesce(first_acknowledged_by, $3),
           first_acknowledged_at = coalesce(first_acknowledged_at, $4)
     WHERE patient_id = $1 AND id = $2 AND status = 'open'
    RETURNING id
"""


async def acknowledge(db: Db, patient: uuid.UUID, alert: uuid.UUID, by: uuid.UUID, now: datetime) -> bool:
    """True for the one caller whose acknowledgement counted."""
    return await db.fetchval(ACKNOWLEDGE, patient, alert, by, now) is not None


RESOLVE = """
    UPDATE alert SET status = 'resolved', resolved_by = $3, resolved_at = $4, outcome = $5, note = $6,
           acknowledged_by = coalesce(acknowledged_by, $3), acknowledged_at = coalesce(acknowledged_at, $4),
           first_acknowledged_by = coalesce(first_acknowledged_by, acknowledged_by, $3),
           first_acknowledged_at = coalesce(first_acknowledged_at, acknowledged_at, $4)
     WHERE patient_id = $1 AND id = $2 AND status <> 'resolved'
    RETURNING id
"""


async def resolve(
    db: Db, patient: uuid.UUID, alert: uuid.UUID, by: uuid.UUID, outcome: Outcome, note: str, now: datetime
) -> bool:
    """True for the one caller whose outcome counted; a further crossing opens a new alert."""
    return await db.fetchval(RESOLVE, patient, alert, by, now, outcome, note) is not None
