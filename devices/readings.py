"""A reading: one measurement of one patient, in canonical units, stored once and never changed."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from devices.units import COLUMNS


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """`values` is keyed by column (`systolic_mmhg` …). `local_date` is the patient's own date."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    kind: str
    measured_at: datetime
    measured_at_raw: str | None
    utc_offset_minutes: int | None
    zone: str
    local_date: date
    clock_basis: str
    received_at: datetime
    device_id: str | None
    user_slot: int | None
    source: str
    flags: tuple[str, ...]
    context: str | None
    out_of_range: str | None
    values: dict[str, Decimal]
    judged_with: str


INSERT = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes, zone,
                         local_date, clock_basis, received_at, device_id, user_slot, source, flags, context,
                         out_of_range, judged_with, systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg,
                         spo2_pct, temperature_c)
    SELECT id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes, zone, local_date,
           clock_basis, received_at, device_id, user_slot, source, string_to_array(flags, ' '), context, out_of_range,
           judged_with, systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg, spo2_pct, temperature_c
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::int[], $8::text[],
                  $9::date[], $10::text[], $11::timestamptz[], $12::text[], $13::int[], $14::text[], $15::text[],
                  $16::text[], $17::text[], $18::text[], $19::numeric[], $20::numeric[], $21::numeric[], $22::numeric[],
                  $23::numeric[], $24::numeric[], $25::numeric[])
        AS n (id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes, zone, local_date,
              clock_basis, received_at, device_id, user_slot, source, flags, context, out_of_range, judged_with,
              systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg, spo2_pct, temperature_c)
"""


async def insert(db: Any, readings: Sequence[Reading]) -> None:
    """Store what a person decided or typed; what devices send enters with the ledger (`arrivals.enter`)."""
    if not readings:
        return
    rows = sorted(readings, key=lambda r: (r.patient_id, r.measured_at, r.id))
    await db.execute(INSERT, *map(list, zip(*map(_as_row, rows), strict=True)))


def _as_row(r: Reading) -> tuple[object, ...]:
    return (
        r.id, r.organization_id, r.patient_id, r.kind, r.measured_at, r.measured_at_raw, r.utc_offset_minutes, r.zone,
        r.local_date, r.clock_basis, r.received_at, r.device_id, r.user_slot, r.source,
        " ".join(flag.replace(" ", "_") for flag in r.flags),  # unnest takes no arrays of arrays
        r.context, r.out_of_range, r.judged_with, *map(r.values.get, COLUMNS),
    )  # fmt: skip
