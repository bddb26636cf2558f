"""A patient's own series: the stored readings of a span of time, as their patient may see them."""

import uuid
from datetime import date, datetime
from typing import Literal

import msgspec

from server.db.pool import Db

Vital = Literal["blood_pressure", "glucose", "weight", "spo2", "pulse", "temperature"]
VITALS: tuple[Vital, ...] = ("blood_pressure", "glucose", "weight", "spo2", "pulse", "temperature")

METRICS: dict[Vital, tuple[str, ...]] = {
    "blood_pressure": ("systolic_mmhg", "diastolic_mmhg"),
    "glucose": ("glucose_mgdl",),
    "weight": ("weight_kg",),
    "spo2": ("spo2_pct",),
    "pulse": ("pulse_bpm",),
    "temperature": ("temperature_c",),
}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A stored reading as its patient may see it, in canonical units."""

    id: uuid.UUID
    kind: str
    measured_at: datetime
    local_date: date
    device_id: str | None = None
    source: str = "device"
    context: str | None = None
    out_of_range: Literal["above", "below"] | None = None
    flags: tuple[str, ...] = ()
    systolic_mmhg: float | None = None
    diastolic_mmhg: float | None = None
    pulse_bpm: float | None = None
    glucose_mgdl: float | None = None
    weight_kg: float | None = None
    spo2_pct: float | None = None
    temperature_c: float | None = None

    def values(self, vital: Vital) -> tuple[float, ...] | None:
        """The numbers of one vital, or None when this reading has none (a meter's HI or LO included)."""
        found = [getattr(self, metric) for metric in METRICS[vital]]
        return None if None in found else tuple(found)

    def tells(self, vital: Vital) -> bool:
        """Whether this reading says anything of a vital; HI and LO do, without a number."""
        return self.values(vital) is not None or (self.kind == vital and self.out_of_range is not None)


SINCE = """
    SELECT id, kind, measured_at, local_date, device_id, source, context, out_of_range, flags,
           systolic_mmhg::float8, diastolic_mmhg::float8, pulse_bpm::float8, glucose_mgdl::float8,
           weight_kg::float8, spo2_pct::float8, temperature_c::float8
      FROM reading
     WHERE patient_id = $1 AND measured_at >= $2 AND measured_at <= $3
     ORDER BY measured_at DESC, id DESC
"""


async def since(db: Db, patient: uuid.UUID, start: datetime, now: datetime) -> list[Reading]:
    """Everything measured from `start` to `now`, newest first."""
    rows = await db.fetch(SINCE, patient, start, now)
    return [Reading(**{**dict(row), "flags": tuple(row["flags"])}) for row in rows]


LATEST = """
    SELECT DISTINCT ON (kind)
           id, kind, measured_at, local_date, device_id, source, context, out_of_range, flags,
           systolic_mmhg::float8, diastolic_mmhg::float8, pulse_bpm::float8, glucose_mgdl::float8,
           weight_kg::float8, spo2_pct::float8, temperature_c::float8
      FROM reading
     WHERE patient_id = $1 AND measured_at >= $2 AND measured_at <= $3
     ORDER BY kind, measured_at DESC, id DESC
"""


async def latest(db: Db, patient: uuid.UUID, start: datetime, now: datetime) -> list[Reading]:
    """The newest reading of each kind measured from `start` to `now`."""
    rows = await db.fetch(LATEST, patient, start, now)
    return [Reading(**{**dict(row), "flags": tuple(row["flags"])}) for row in rows]


DOUBTED = """
    SELECT DISTINCT ON (h.kind) h.kind, h.received_at FROM held h
     WHERE h.patient_id = $1 AND h.resolved_at IS NULL AND h.received_at >= $2
       AND NOT EXISTS (SELECT 1 FROM reading r WHERE r.patient_id = $1 AND r.kind = h.kind
                          AND r.received_at > h.received_at AND r.measured_at >= $2)
     ORDER BY h.kind, h.received_at DESC
"""


class Doubted(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that reached us and could not be used as it is; nothing newer came since."""

    kind: str
    received_at: datetime


async def doubted(db: Db, patient: uuid.UUID, start: datetime) -> list[Doubted]:
    """What waits for a person since `start`, so the patient can be asked to measure again."""
    return [Doubted(**dict(row)) for row in await db.fetch(DOUBTED, patient, start)]
