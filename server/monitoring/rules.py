"""Does a reading cross a limit? Pure: the same readings and limits give the same findings in any order."""

import hashlib
import operator
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from server.db.ids import uuid7
from server.monitoring.findings import Age, Finding, Side
from server.monitoring.limits import UPPER, Limit

Made = TypeVar("Made")
SEVERITIES = ("low", "medium", "high")
CROSSES: dict[Side, Callable[[Decimal, Decimal], bool]] = {
    "at_or_above": operator.ge,
    "above": operator.gt,
    "at_or_below": operator.le,
    "below": operator.lt,
}


class Measured(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is judged: the numbers of one reading, or of a held one (`unconfirmed`)."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    kind: str
    values: Mapping[str, Decimal]
    out_of_range: Literal["above", "below"] | None
    measured_at: datetime
    age: Age
    unconfirmed: bool = False


def judge(measured: Iterable[Measured], limits: Mapping[uuid.UUID, Sequence[Limit]]) -> list[Finding]:
    """One finding per reading and rule version that it crosses, at the worst level crossed."""
    by_metric = grouped(limits)
    return [
        _finding(one, limit) for one in measured for limit in _worst_crossed(one, by_metric.get(one.patient_id, {}))
    ]


def crosses(values: Mapping[str, Decimal], limits: Mapping[str, Sequence[Limit]]) -> bool:
    """True when any number crosses any limit of its metric: few do, and the others need no further look."""
    for metric, value in values.items():
        for limit in limits.get(metric, ()):
            if CROSSES[limit.side](value, limit.value):
                return True
    return False


def grouped(limits: Mapping[uuid.UUID, Sequence[Limit]]) -> dict[uuid.UUID, dict[str, list[Limit]]]:
    """By patient and metric; shared lists are grouped once."""
    return _once_per_list(limits, _by_metric)


def _once_per_list(
    limits: Mapping[uuid.UUID, Sequence[Limit]], make: Callable[[Sequence[Limit]], Made]
) -> dict[uuid.UUID, Made]:
    """What is made of each patient's limits: patients of the same programmes share one list, and what it makes."""
    made: dict[int, Made] = {}
    found = {}
    for patient, of_patient in limits.items():
        if id(of_patient) not in made:
            made[id(of_patient)] = make(of_patient)
        found[patient] = made[id(of_patient)]
    return found


def _by_metric(limits: Sequence[Limit]) -> dict[str, list[Limit]]:
    grouped: dict[str, list[Limit]] = {}
    for limit in limits:
        grouped.setdefault(limit.metric, []).append(limit)
    return grouped


def _worst_crossed(one: Measured, limits: Mapping[str, Sequence[Limit]]) -> Iterable[Limit]:
    worst: dict[uuid.UUID, Limit] = {}
    for limit in _crossed(one, limits):
        if _worse(limit, worst.get(limit.rule_version_id)):
            worst[limit.rule_version_id] = limit
    return worst.values()


def _crossed(one: Measured, limits: Mapping[str, Sequence[Limit]]) -> Iterator[Limit]:
    for metric, value in one.values.items():
        for limit in limits.get(metric, ()):
            if CROSSES[limit.side](value, limit.value):
                yield limit
    # HI and LO have no number: a meter's HI crosses every upper limit of its vital, LO every lower one.
    if one.out_of_range is not None:
        for metric, of_metric in limits.items():
            if metric not in one.values:
                yield from (x for x in of_metric if x.vital == one.kind and _on_side(one.out_of_range, x.side))


def _on_side(out_of_range: str, side: Side) -> bool:
    return (out_of_range == "above") == (side in UPPER)


def worst(found: Iterable[Finding]) -> list[Finding]:
    """One finding per reading, patient and rule version: the worst of what a reading in doubt could mean."""
    kept: dict[tuple[uuid.UUID, uuid.UUID, uuid.UUID], Finding] = {}
    for finding in found:
        where = (finding.anchor, finding.patient_id, finding.rule_version_id)
        if where not in kept or SEVERITIES.index(finding.severity) > SEVERITIES.index(kept[where].severity):
            kept[where] = finding
    return list(kept.values())


def _worse(limit: Limit, than: Limit | None) -> bool:
    if than is None:
        return True
    # Among equally severe levels (systolic and diastolic) the metric's name decides, so order never does.
    rank = (SEVERITIES.index(limit.severity), limit.metric, limit.side)
    return rank > (SEVERITIES.index(than.severity), than.metric, than.side)


def _finding(one: Measured, limit: Limit) -> Finding:
    return Finding(
        id=uuid7(), organization_id=one.organization_id, patient_id=one.patient_id, rule_id=limit.rule_id,
        rule_version_id=limit.rule_version_id, anchor=one.id, severity=limit.severity, metric=limit.metric,
        side=limit.side, value=one.values.get(limit.metric), limit_value=limit.value, age=one.age,
        measured_at=one.measured_at, unconfirmed=one.unconfirmed,
    )  # fmt: skip


def names(limits: Mapping[uuid.UUID, Sequence[Limit]]) -> dict[uuid.UUID, str]:
    """`judged_with` by patient; shared lists are named once."""
    return _once_per_list(limits, judged_with)


def judged_with(limits: Sequence[Limit]) -> str:
    """A short name of the rule set a reading was judged with: equal sets give equal names."""
    text = "|".join(sorted(f"{x.rule_version_id}{x.metric}{x.side}{x.severity}{x.value.normalize()}" for x in limits))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
