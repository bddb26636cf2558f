"""A finding is one fact that a version of a rule holds of a reading; superseded by better facts, never deleted."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from server.db.pool import Db

Severity = Literal["low", "medium", "high"]
Side = Literal["at_or_above", "above", "at_or_below", "below"]
Age = Literal["live", "late", "historic"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`anchor` is the id of the reading (or held reading) it rests on; `value` is None for a meter's HI or LO."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    anchor: uuid.UUID
    severity: Severity
    metric: str
    side: Side
    value: Decimal | None
    limit_value: Decimal
    age: Age
    measured_at: datetime
    unconfirmed: bool = False

    @property
    def filed_under(self) -> uuid.UUID:
        """The rule whose alert this is evidence of: its own, or the one for older readings when it is historic."""
        return older_readings(self.organization_id) if self.age == "historic" else self.rule_id


def older_readings(organization: uuid.UUID) -> uuid.UUID:
    """The id of an organization's rule for older readings; whoever works it out needs to ask nobody."""
    return uuid.uuid5(organization, "retrospective")


INSERT = """
    WITH new AS (
        INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, severity, metric, side,
                             value, limit_value, age, measured_at, alert_id, found_at)
        SELECT n.*, $15 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
                              $8::text[], $9::text[], $10::numeric[], $11::numeric[], $12::text[],
                              $13::timestamptz[], $14::uuid[]) AS n
        ON CONFLICT (patient_id, rule_version_id, anchor) DO NOTHING
        RETURNING id, patient_id, anchor, measured_at, organization_id)
    INSERT INTO finding_evidence (patient_id, finding_id, reading_id, measured_at, organization_id)
    SELECT patient_id, id, anchor::uuid, measured_at, organization_id FROM new
    RETURNING finding_id
"""


AlertOf = Mapping[tuple[uuid.UUID, uuid.UUID], uuid.UUID]  # by patient and the alert's rule


async def insert(db: Db, findings: Sequence[Finding], now: datetime, alert_of: AlertOf | None = None) -> list[Finding]:
    """Those that are new, each with its reading as evidence, and with its alert where that is known already."""
    if not findings:
        return []
    rows = sorted(findings, key=lambda f: (f.patient_id, f.rule_version_id, f.anchor))
    columns = zip(*((*_as_row(f), alert_of and alert_of[f.patient_id, f.filed_under]) for f in rows), strict=True)
    new = {record["finding_id"] for record in await db.fetch(INSERT, *map(list, columns), now)}
    return [finding for finding in rows if finding.id in new]


def _as_row(f: Finding) -> tuple[object, ...]:
    return (
        f.id, f.organization_id, f.patient_id, f.rule_id, f.rule_version_id, str(f.anchor), f.severity, f.metric,
        f.side, f.value, f.limit_value, f.age, f.measured_at,
    )  # fmt: skip


ATTACH = """
    UPDATE finding f SET alert_id = n.alert_id
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (patient_id, id, alert_id)
     WHERE f.patient_id = n.patient_id AND f.id = n.id
"""


async def attach(db: Db, findings: Sequence[Finding], alert_of: AlertOf) -> None:
    """Write on each finding which alert it is evidence of; `alert_of` is keyed by patient and the alert's rule."""
    if findings:
        alerts = [alert_of[finding.patient_id, finding.filed_under] for finding in findings]
        await db.execute(ATTACH, [f.patient_id for f in findings], [f.id for f in findings], alerts)
