"""A medicine is what one patient takes now, with its times; a dispensing is one fill of it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.gaps.adherence import AdherenceClass, Fill


class Medicine(msgspec.Struct, frozen=True, kw_only=True):
    """Taken at local times, or every so many hours from the first dose, or as needed: one of the three."""

    id: uuid.UUID
    name: str
    rxnorm: str | None
    adherence_class: AdherenceClass
    at_times: list[time]
    every_hours: int | None
    first_dose_at: datetime | None
    as_needed: bool
    starts_on: date
    ends_on: date | None
    stock_doses: int | None
    stock_on: date | None


class Stock(msgspec.Struct, frozen=True):
    """So many doses were left on that day; a dose is what is taken at one time."""

    doses: int
    on: date


class NewMedicine(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    starts_on: date
    rxnorm: str | None = None
    adherence_class: AdherenceClass = "other"
    at_times: Sequence[time] = ()
    every_hours: int | None = None
    first_dose_at: datetime | None = None
    as_needed: bool = False
    ends_on: date | None = None
    source: str = "staff"


PUT = """
    INSERT INTO medicine (id, organization_id, patient_id, name, rxnorm, adherence_class, at_times, every_hours,
                          first_dose_at, as_needed, starts_on, ends_on, source, author, recorded_at)
    SELECT $1, p.organization_id, p.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
      FROM patient p WHERE p.id = $2
    ON CONFLICT (patient_id, lower(name)) WHERE stopped_at IS NULL DO NOTHING
    RETURNING id
"""


async def put(db: Db, patient: uuid.UUID, new: NewMedicine, author: str, now: datetime) -> uuid.UUID | None:
    """`None` when the patient takes one of that name already (or is not the asker's)."""
    what = (
        new.name, new.rxnorm, new.adherence_class, sorted(new.at_times), new.every_hours, new.first_dose_at,
        new.as_needed, new.starts_on, new.ends_on, new.source,
    )  # fmt: skip
    found: uuid.UUID | None = await db.fetchval(PUT, uuid7(), patient, *what, author, now)
    return found


STOP = """
    UPDATE medicine SET stopped_at = $3, stopped_by = $4 WHERE patient_id = $1 AND id = $2 AND stopped_at IS NULL
    RETURNING id
"""


async def stop(db: Db, patient: uuid.UUID, medicine: uuid.UUID, by: str, now: datetime) -> bool:
    """True for the one caller who stopped it; its dispensings stay."""
    return await db.fetchval(STOP, patient, medicine, now, by) is not None


OF = """
    SELECT id, name, rxnorm, adherence_class, at_times, every_hours, first_dose_at, as_needed, starts_on, ends_on,
           stock_doses, stock_on
      FROM medicine WHERE patient_id = $1 AND stopped_at IS NULL ORDER BY lower(name)
"""


async def of(db: Db, patient: uuid.UUID) -> list[Medicine]:
    """What the patient takes now."""
    return [Medicine(**dict(row)) for row in await db.fetch(OF, patient)]


NAMED = "SELECT id FROM medicine WHERE patient_id = $1 AND lower(name) = lower($2) AND stopped_at IS NULL"


async def named(db: Db, patient: uuid.UUID, name: str) -> uuid.UUID | None:
    found: uuid.UUID | None = await db.fetchval(NAMED, patient, name)
    return found


STOPPED = """
    SELECT id FROM medicine WHERE patient_id = $1 AND lower(name) = lower($2) AND stopped_at IS NOT NULL
     ORDER BY stopped_at DESC LIMIT 1
"""


async def stopped(db: Db, patient: uuid.UUID, name: str) -> uuid.UUID | None:
    """The last one of that name that staff stopped."""
    found: uuid.UUID | None = await db.fetchval(STOPPED, patient, name)
    return found


# A medicine that was stopped and entered anew has a new id; what was handed out for it is the same.
DISPENSE = """
    INSERT INTO dispensing (id, organization_id, patient_id, medicine_id, filled_on, days_supply, source, author,
                            recorded_at)
    SELECT $1, m.organization_id, m.patient_id, m.id, $4, $5, $6, $7, $8
      FROM medicine m
     WHERE m.patient_id = $2 AND m.id = $3
       AND NOT EXISTS (
           SELECT FROM medicine o JOIN dispensing d ON d.patient_id = o.patient_id AND d.medicine_id = o.id
            WHERE o.patient_id = m.patient_id AND lower(o.name) = lower(m.name) AND d.filled_on = $4
              AND d.withdrawn_at IS NULL)
    ON CONFLICT (patient_id, medicine_id, filled_on) WHERE withdrawn_at IS NULL DO NOTHING
    RETURNING id
"""


async def dispense(
    db: Db, patient: uuid.UUID, medicine: uuid.UUID, fill: Fill, source: str, author: str, now: datetime
) -> bool:
    """False when this fill is known already."""
    values = (fill.filled_on, fill.days_supply, source, author, now)
    return await db.fetchval(DISPENSE, uuid7(), patient, medicine, *values) is not None


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A fill that staff entered, of one of the patient's medicines: `medicine` is its name in small letters."""

    id: uuid.UUID
    medicine: str
    filled_on: date
    days_supply: int


ENTERED = """
    SELECT d.id, lower(m.name) AS medicine, d.filled_on, d.days_supply
      FROM dispensing d JOIN medicine m ON m.patient_id = d.patient_id AND m.id = d.medicine_id
     WHERE d.patient_id = $1 AND d.source = 'staff' AND d.withdrawn_at IS NULL AND d.recorded_at >= $2
     ORDER BY d.recorded_at DESC, d.id DESC LIMIT 50
"""


async def entered(db: Db, patient: uuid.UUID, since: datetime) -> list[Entered]:
    """What staff entered since then and can take back, the newest first."""
    return [Entered(**dict(row)) for row in await db.fetch(ENTERED, patient, since)]


WITHDRAW = """
    UPDATE dispensing SET withdrawn_at = $3, withdrawn_by = $4
     WHERE patient_id = $1 AND id = $2 AND source = 'staff' AND withdrawn_at IS NULL
    RETURNING medicine_id
"""


async def withdraw(db: Db, patient: uuid.UUID, fill: uuid.UUID, by: str, now: datetime) -> uuid.UUID | None:
    """Entered in error: it counts no more. Its medicine, for the one caller who took it back."""
    found: uuid.UUID | None = await db.fetchval(WITHDRAW, patient, fill, now, by)
    return found


COUNT = """
    UPDATE medicine SET stock_doses = $3, stock_on = $4
     WHERE patient_id = $1 AND id = $2 AND stopped_at IS NULL AND (stock_on IS NULL OR stock_on <= $4)
       AND (stock_doses, stock_on) IS DISTINCT FROM ($3::integer, $4::date)
    RETURNING id
"""


async def count(db: Db, patient: uuid.UUID, medicine: uuid.UUID, stock: Stock) -> bool:
    """False when it is known already, or a later count is."""
    return await db.fetchval(COUNT, patient, medicine, stock.doses, stock.on) is not None


# The same fill under two ids of one name counts once, in the class that was entered last.
FILLS = """
    SELECT DISTINCT ON (d.filled_on, lower(m.name)) n.adherence_class, d.filled_on, d.days_supply,
           lower(m.name) AS medicine
      FROM dispensing d
      JOIN medicine m ON m.patient_id = d.patient_id AND m.id = d.medicine_id
     CROSS JOIN LATERAL (
           SELECT o.adherence_class FROM medicine o
            WHERE o.patient_id = m.patient_id AND lower(o.name) = lower(m.name)
            ORDER BY o.recorded_at DESC, o.id DESC LIMIT 1) AS n
     WHERE d.patient_id = $1 AND d.filled_on BETWEEN $2 AND $3 AND d.withdrawn_at IS NULL
     ORDER BY d.filled_on, lower(m.name), d.recorded_at, d.id
"""


async def fills(db: Db, patient: uuid.UUID, start: date, end: date) -> dict[AdherenceClass, list[Fill]]:
    """What was dispensed within the period, by class; of stopped medicines too."""
    found: dict[AdherenceClass, list[Fill]] = {}
    for row in await db.fetch(FILLS, patient, start, end):
        found.setdefault(row["adherence_class"], []).append(Fill(row["filled_on"], row["days_supply"], row["medicine"]))
    return found
