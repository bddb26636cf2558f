"""What patients' devices measured, as it is stored: read again, patient by patient, to be judged by other rules."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.monitoring.points import METRICS, Point


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, whose it is, and when the server got it; `zone` is the patient's at the time."""

    point: Point
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    received_at: datetime
    zone: ZoneInfo


# With both ends of the time: a month outside them is not opened.
OF_PATIENTS = """
    SELECT patient_id, organization_id, received_at, zone, id, kind, measured_at, local_date, device_id, flags,
           out_of_range, systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg, spo2_pct, temperature_c
      FROM reading
     WHERE patient_id = ANY($1) AND measured_at >= $2 AND measured_at <= $3 AND source = 'device'
     ORDER BY patient_id, measured_at, id
"""


async def of_patients(
    db: Db, patients: Sequence[uuid.UUID], since: datetime, now: datetime
) -> dict[uuid.UUID, list[Reading]]:
    """By patient, oldest first; who measured nothing is left out."""
    found: dict[uuid.UUID, list[Reading]] = {}
    for patient, organization, received_at, zone, *said in await db.fetch(OF_PATIENTS, list(patients), since, now):
        identity, kind, measured_at, day, device, flags, beyond, *numbers = said
        values = {metric: number for metric, number in zip(METRICS, numbers, strict=True) if number is not None}
        point = Point(
            id=identity, kind=kind, values=values, measured_at=measured_at, local_date=day, device_id=device,
            flags=tuple(flags), out_of_range=beyond,
        )  # fmt: skip
        found.setdefault(patient, []).append(
            Reading(
                point=point, organization_id=organization, patient_id=patient, received_at=received_at,
                zone=ZoneInfo(zone),
            )
        )  # fmt: skip
    return found
