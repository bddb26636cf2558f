"""The limits that apply to a patient now: the strictest of their programmes', replaced by the patient's own."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
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


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """By what one patient is judged.

    Fingerprints are of the rows it was read from, the patient's own and each programme's: while they are the same, so
    are the limits.
    """

    limits: Sequence[Limit]
    fingerprint: int
    programmes: Mapping[uuid.UUID, int]


OF_PATIENTS = "SELECT judged.*, hash_record_extended(judged, 0) FROM judged_by($1, $2) AS judged"
UPPER: tuple[Side, ...] = ("at_or_above", "above")


async def of_patients(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, Sequence[Limit]]:
    """All limits of these patients at `now`; one who is in no programme has none.

    Where a rule has levels of one kind for several programmes, the stricter counts: two programmes, one alert.
    Patients of the same programmes without limits of their own share one list.
    """
    return {patient: one.limits for patient, one in (await judged(db, patients, now)).items()}


async def judged(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, Judged]:
    """The same with their fingerprints."""
    programmes: dict[uuid.UUID, list[uuid.UUID]] = {patient: [] for patient in patients}
    levels: dict[uuid.UUID, list[Any]] = {}
    own: dict[uuid.UUID, dict[Level, Decimal]] = {}
    of_patient: Counter[uuid.UUID] = Counter()
    of_programme: Counter[uuid.UUID] = Counter()
    for patient, programme, rule, *level, fingerprint in await db.fetch(OF_PATIENTS, list(programmes), now):
        if patient is None:
            levels.setdefault(programme, []).append((rule, *level))
            of_programme[programme] += fingerprint
            continue
        of_patient[patient] += fingerprint
        if rule is None:
            programmes[patient].append(programme)
        else:
            metric, side, severity, value = level[2:]
            own.setdefault(patient, {})[rule, metric, side, severity] = value
    shared: dict[tuple[uuid.UUID, ...], list[Limit]] = {}
    found = {}
    for patient, of_one in programmes.items():
        together = tuple(sorted(of_one))
        if patient in own:
            limits = strictest(together, levels, own[patient])
        else:
            if together not in shared:
                shared[together] = strictest(together, levels, {})
            limits = shared[together]
        found[patient] = Judged(
            limits=limits, fingerprint=of_patient[patient], programmes={one: of_programme[one] for one in together}
        )
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
