"""A point of a patient's series: one reading of a device, as rules over a series see it."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from server.db.pool import Db

METRICS = (
    "systolic_mmhg", "diastolic_mmhg", "pulse_bpm", "glucose_mgdl", "weight_kg", "spo2_pct", "temperature_c",
)  # fmt: skip


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """`values` by metric in canonical units; `out_of_range` is a meter's HI or LO, which has no number."""

    id: uuid.UUID
    kind: str
    values: Mapping[str, Decimal]
    measured_at: datetime
    local_date: date
    device_id: str | None
    flags: tuple[str, ...]
    out_of_range: Literal["above", "below"] | None = None


# What a person typed or texted is shown to staff, but moves no mean and no trend: its conditions are not known.
OF_PATIENTS = """
    SELECT r.patient_id, r.id, r.kind, r.measured_at, r.local_date, r.device_id, r.flags, r.out_of_range,
           r.systolic_mmhg, r.diastolic_mmhg, r.pulse_bpm, r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c
      FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (patient_id, since)
      JOIN reading r ON r.patient_id = asked.patient_id AND r.measured_at >= asked.since
     WHERE r.measured_at >= $3 AND r.source = 'device'
"""


async def of_patients(db: Db, patients: Sequence[uuid.UUID], since: Sequence[datetime]) -> dict[uuid.UUID, list[Point]]:
    """What the devices of each patient measured since the time given for them, in no order."""
    found: dict[uuid.UUID, list[Point]] = {patient: [] for patient in patients}
    if not found:
        return found
    for row in await db.fetch(OF_PATIENTS, list(patients), list(since), min(since)):
        patient, identity, kind, measured_at, day, device, flags, beyond, *numbers = row
        values = {metric: number for metric, number in zip(METRICS, numbers, strict=True) if number is not None}
        found[patient].append(
            Point(
                id=identity, kind=kind, values=values, measured_at=measured_at, local_date=day, device_id=device,
                flags=tuple(flags), out_of_range=beyond,
            )
        )  # fmt: skip
    return found


# Whoever types a number, or measures what is still held in doubt, is not silent.
MEASURED = """
    SELECT r.patient_id, m.vital, r.measured_at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (patient_id, since)
      JOIN reading r ON r.patient_id = asked.patient_id AND r.measured_at >= asked.since
     CROSS JOIN LATERAL (
           SELECT r.kind AS vital UNION SELECT 'pulse' WHERE r.pulse_bpm IS NOT NULL) AS m
     WHERE r.measured_at >= $3
     UNION
    SELECT h.patient_id, h.kind, coalesce(h.measured_at, h.received_at)
      FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (patient_id, since)
      JOIN held h ON h.patient_id = asked.patient_id AND h.received_at >= asked.since
     WHERE h.resolution IS DISTINCT FROM 'discarded'
"""


async def measured(
    db: Db, patients: Sequence[uuid.UUID], since: Sequence[datetime]
) -> dict[uuid.UUID, dict[str, list[datetime]]]:
    """When each patient measured each vital in whatever way, since the time given for them."""
    found: dict[uuid.UUID, dict[str, list[datetime]]] = {patient: {} for patient in patients}
    if found:
        for patient, vital, at in await db.fetch(MEASURED, list(patients), list(since), min(since)):
            found[patient].setdefault(vital, []).append(at)
    return found


# The index of readings is in the order of time: the first of a kind is found without reading the others.
FIRST = """
    SELECT asked.patient_id, asked.vital, first.measured_at
      FROM unnest($1::uuid[], $2::text[]) AS asked (patient_id, vital)
     CROSS JOIN LATERAL (
           SELECT r.measured_at FROM reading r
            WHERE r.patient_id = asked.patient_id AND r.kind = asked.vital AND r.measured_at >= $3
            ORDER BY r.measured_at LIMIT 1) first
"""


async def first(
    db: Db, asked: Sequence[tuple[uuid.UUID, str]], since: datetime
) -> dict[tuple[uuid.UUID, str], datetime]:
    """When each (patient, vital) was first measured since then; those that were not are left out."""
    if not asked:
        return {}
    rows = await db.fetch(FIRST, [patient for patient, _ in asked], [vital for _, vital in asked], since)
    return {(patient, vital): at for patient, vital, at in rows}
