"""The limits that apply to a patient now: the programmes' defaults, each replaced by the patient's own where set."""

import uuid
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Severity, Side


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One level of one rule for one patient; `value` in the metric's canonical unit."""

    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    vital: str
    metric: str
    side: Side
    severity: Severity
    value: Decimal


OF_PATIENTS = """
    SELECT DISTINCT e.patient_id, r.id AS rule_id, v.id AS rule_version_id, r.vital, l.metric, l.side, l.severity,
           coalesce(own.value, l.value) AS value
      FROM enrolment e
      JOIN programme_rule pr ON pr.programme_id = e.programme_id
      JOIN rule r ON r.id = pr.rule_id
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
      JOIN rule_limit l ON l.rule_version_id = v.id
      LEFT JOIN patient_limit own
             ON own.patient_id = e.patient_id AND own.rule_id = r.id AND own.metric = l.metric AND own.side = l.side
            AND own.severity = l.severity AND own.valid_to IS NULL
     WHERE e.patient_id = ANY($1) AND e.valid_to IS NULL AND coalesce(own.value, l.value) IS NOT NULL
"""


async def of_patients(db: Db, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Limit]]:
    """All limits of these patients; one who is in no programme has none."""
    found: dict[uuid.UUID, list[Limit]] = {patient: [] for patient in patients}
    for record in await db.fetch(OF_PATIENTS, sorted(found)):
        patient, *fields = record.values()
        found[patient].append(Limit(**dict(zip(Limit.__struct_fields__, fields, strict=True))))
    return found
