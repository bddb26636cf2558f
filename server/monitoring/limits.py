"""The limits that apply to a patient now: the strictest of their programmes', replaced by the patient's own."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Severity, Side

Level = tuple[uuid.UUID, str, str, str]  # rule, metric, side, severity


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One level of one rule for one patient; `value` in the metric's canonical unit."""

    rule_id: uuid.UUID
    rule_version_id: uuid.UUID
    vital: str
    metric: str
    side: Side
    severity: Severity
    value: Decimal


# Levels are fetched once per programme: a batch speaks of thousands of patients of few programmes. Rules over a series
# are judged elsewhere (`flows.series`).
OF_PATIENTS = """
    WITH enrolled AS MATERIALIZED (
        SELECT patient_id, programme_id FROM enrolment WHERE patient_id = ANY($1) AND valid_to IS NULL)
    SELECT patient_id, programme_id, NULL::uuid AS rule_id, NULL::uuid AS version, NULL AS vital, NULL AS metric,
           NULL AS side, NULL AS severity, NULL::numeric AS value
      FROM enrolled
     UNION ALL
    SELECT NULL, pr.programme_id, r.id, v.id, r.vital, l.metric, l.side, l.severity, l.value
      FROM (SELECT DISTINCT programme_id FROM enrolled) AS e
      JOIN programme_rule pr ON pr.programme_id = e.programme_id
      JOIN rule r ON r.id = pr.rule_id AND r.kind = 'crossing'
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
     CROSS JOIN LATERAL (
           SELECT metric, side, severity, value FROM rule_limit WHERE rule_version_id = v.id
            UNION ALL
           SELECT metric, side, severity, value FROM programme_limit
            WHERE rule_version_id = v.id AND programme_id = pr.programme_id) l
     UNION ALL
    SELECT patient_id, NULL, rule_id, NULL, NULL, metric, side, severity, value
      FROM patient_limit WHERE patient_id = ANY($1) AND (valid_to IS NULL OR valid_to > $2)
"""
UPPER: tuple[Side, ...] = ("at_or_above", "above")


async def of_patients(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[Limit]]:
    """All limits of these patients at `now`; one who is in no programme has none.

    Where a rule has levels of one kind for several programmes, the stricter counts: two programmes, one alert.
    Patients of the same programmes without limits of their own share one list.
    """
    programmes: dict[uuid.UUID, list[uuid.UUID]] = {patient: [] for patient in patients}
    levels: dict[uuid.UUID, list[Any]] = {}
    own: dict[uuid.UUID, dict[Level, Decimal]] = {}
    for patient, programme, rule, *level in await db.fetch(OF_PATIENTS, list(programmes), now):
        if rule is None:
            programmes[patient].append(programme)
        elif patient is None:
            levels.setdefault(programme, []).append((rule, *level))
        else:
            metric, side, severity, value = level[2:]
            own.setdefault(patient, {})[rule, metric, side, severity] = value
    shared: dict[tuple[uuid.UUID, ...], list[Limit]] = {}
    found = {}
    for patient, of_patient in programmes.items():
        of_patient.sort()
        if patient in own:
            found[patient] = strictest(of_patient, levels, own[patient])
            continue
        together = tuple(of_patient)
        if together not in shared:
            shared[together] = strictest(of_patient, levels, {})
        found[patient] = shared[together]
    return found


OF_PROGRAMME = """
    SELECT r.organization_id, r.id, v.id, r.vital, l.metric, l.side, l.severity, l.value
      FROM programme p
      JOIN programme_rule pr ON pr.programme_id = p.id
      JOIN rule r ON r.id = pr.rule_id AND r.kind = 'crossing'
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
      JOIN rule_limit l ON l.rule_version_id = v.id AND l.value IS NOT NULL
     WHERE p.code = $1 AND p.organization_id = ANY($2)
"""


async def of_programme(db: Db, code: str, organizations: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Limit]]:
    """The limits of anybody in a programme, by organization."""
    found: dict[uuid.UUID, list[Limit]] = {one: [] for one in organizations}
    for organization, *level in await db.fetch(OF_PROGRAMME, code, list(found)):
        found[organization].append(Limit(**dict(zip(Limit.__struct_fields__, level, strict=True))))
    return found


def strictest(
    programmes: Sequence[uuid.UUID], levels: dict[uuid.UUID, list[Any]], own: dict[Level, Decimal]
) -> list[Limit]:
    """A rule that two programmes share counts once; a level without a value only with the patient's own."""
    limits: dict[Level, Limit] = {}
    for programme in programmes:
        for rule, version, vital, metric, side, severity, default in levels.get(programme, ()):
            level = (rule, metric, side, severity)
            value = own.get(level, default)
            if value is not None and (level not in limits or _stricter(side, value, limits[level].value)):
                limits[level] = Limit(
                    rule_id=rule, rule_version_id=version, vital=vital, metric=metric, side=side, severity=severity,
                    value=value,
                )  # fmt: skip
    return list(limits.values())


def _stricter(side: Side, value: Decimal, than: Decimal) -> bool:
    return value < than if side in UPPER else value > than
