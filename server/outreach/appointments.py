"""An appointment is booked once per patient and moment; what became of it is said by staff and can be taken back."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

Status = Literal["booked", "cancelled", "fulfilled", "noshow"]
STATUSES: tuple[Status, ...] = get_args(Status)


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """`measure` is what it will settle; `gap` is where that stands: a kept appointment is no evidence."""

    id: uuid.UUID
    organization_id: uuid.UUID
    starts_at: datetime
    measure: str | None
    status: Status
    source: str
    author: str
    changed_at: datetime
    gap: str | None

    @property
    def awaits_result(self) -> bool:
        """It was kept, and what it was for is not recorded yet."""
        return self.status == "fulfilled" and self.gap in {"open", "awaiting_evidence"}


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What an import needs to know of one it may have brought before."""

    id: uuid.UUID
    measure: str | None
    status: Status


BOOK = """
    INSERT INTO appointment (id, organization_id, patient_id, starts_at, measure, author, source, recorded_at,
                             changed_at)
    SELECT $1, p.organization_id, p.id, $3, $4, $5, $6, $7, $7 FROM patient p WHERE p.id = $2
    ON CONFLICT (patient_id, starts_at) WHERE status = 'booked' DO NOTHING
    RETURNING id
"""


async def book(
    db: Db, patient: uuid.UUID, starts_at: datetime, measure: str | None, author: str, source: str, now: datetime
) -> uuid.UUID | None:
    """`None` when one is booked for this moment already (or the patient is not the asker's)."""
    found: uuid.UUID | None = await db.fetchval(BOOK, uuid7(), patient, starts_at, measure, author, source, now)
    return found


MOVE = """
    UPDATE appointment a SET status = $4, changed_at = $5
     WHERE a.patient_id = $1 AND a.id = $2 AND a.status = $3
       AND ($4 NOT IN ('fulfilled', 'noshow') OR a.starts_at <= $5)
       AND NOT EXISTS (SELECT FROM appointment o
                        WHERE o.patient_id = a.patient_id AND o.starts_at = a.starts_at AND o.status = 'booked'
                          AND o.id <> a.id AND $4 = 'booked')
    RETURNING a.id
"""


async def move(db: Db, patient: uuid.UUID, appointment: uuid.UUID, was: Status, to: Status, now: datetime) -> bool:
    """False when it is not (any more) as the asker saw it, has not begun yet, or the moment is booked otherwise.

    `asyncpg.UniqueViolationError` when somebody books the moment at this very moment.
    """
    return await db.fetchval(MOVE, patient, appointment, was, to, now) is not None


GET = """
    SELECT a.id, a.organization_id, a.starts_at, a.measure, a.status, a.source, coalesce(s.name, a.author) AS author,
           a.changed_at, g.status AS gap
      FROM appointment a
      JOIN patient p ON p.id = a.patient_id
      LEFT JOIN staff s ON a.author = 'staff:' || s.id
      LEFT JOIN LATERAL (
           SELECT g.status FROM gap g
            WHERE g.patient_id = a.patient_id AND g.measure = a.measure
              AND (a.starts_at AT TIME ZONE p.zone)::date BETWEEN g.period_start AND g.period_end
            ORDER BY g.period_start DESC LIMIT 1) AS g ON true
     WHERE a.patient_id = $1 AND a.id = $2
"""


async def get(db: Db, patient: uuid.UUID, appointment: uuid.UUID) -> Appointment | None:
    row = await db.fetchrow(GET, patient, appointment)
    return Appointment(**dict(row)) if row else None


OF_PATIENT = """
    SELECT a.id, a.organization_id, a.starts_at, a.measure, a.status, a.source, coalesce(s.name, a.author) AS author,
           a.changed_at, g.status AS gap
      FROM appointment a
      JOIN patient p ON p.id = a.patient_id
      LEFT JOIN staff s ON a.author = 'staff:' || s.id
      LEFT JOIN LATERAL (
           SELECT g.status FROM gap g
            WHERE g.patient_id = a.patient_id AND g.measure = a.measure
              AND (a.starts_at AT TIME ZONE p.zone)::date BETWEEN g.period_start AND g.period_end
            ORDER BY g.period_start DESC LIMIT 1) AS g ON true
     WHERE a.patient_id = $1
     ORDER BY a.starts_at DESC, a.changed_at DESC
     LIMIT $2
"""


async def of_patient(db: Db, patient: uuid.UUID, most: int) -> list[Appointment]:
    """The latest first, those to come among them."""
    return [Appointment(**dict(row)) for row in await db.fetch(OF_PATIENT, patient, most)]


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """One to come, as its patient sees it."""

    starts_at: datetime
    measure: str | None


AHEAD = """
    SELECT starts_at, measure FROM appointment
     WHERE patient_id = $1 AND status = 'booked' AND starts_at > $2
     ORDER BY starts_at LIMIT $3
"""


async def ahead(db: Db, patient: uuid.UUID, now: datetime, most: int) -> list[Next]:
    """Booked and to come, the soonest first."""
    return [Next(**dict(row)) for row in await db.fetch(AHEAD, patient, now, most)]


KEPT = """
    SELECT awaited_gap_id AS gap, starts_at FROM appointment
     WHERE patient_id = $1 AND status = 'fulfilled' AND awaited_gap_id IS NOT NULL
"""


async def kept(db: Db, patient: uuid.UUID) -> dict[uuid.UUID, datetime]:
    """When they were here, by the gap that waits for the result since."""
    return {row["gap"]: row["starts_at"] for row in await db.fetch(KEPT, patient)}


AT = """
    SELECT id, measure, status FROM appointment WHERE patient_id = $1 AND starts_at = $2
     ORDER BY status = 'booked' DESC, changed_at DESC LIMIT 1
"""


async def at(db: Db, patient: uuid.UUID, starts_at: datetime) -> Known | None:
    """The one of this moment; the booked one before those taken back."""
    row = await db.fetchrow(AT, patient, starts_at)
    return Known(**dict(row)) if row else None


MEASURES = "SELECT DISTINCT measure FROM gap WHERE patient_id = $1 AND status IN ('open', 'awaiting_evidence')"


async def measures(db: Db, patient: uuid.UUID) -> list[str]:
    """What is due for the patient, so what an appointment may settle."""
    return sorted(row["measure"] for row in await db.fetch(MEASURES, patient))


KNOWN_MEASURES = "SELECT measure FROM reminder_rule WHERE measure IS NOT NULL UNION SELECT measure FROM gap"


async def known_measures(db: Db) -> set[str]:
    """Those that the asker's organization has gaps of or reminds of."""
    return {row["measure"] for row in await db.fetch(KNOWN_MEASURES)}


ZONES = "SELECT id, zone FROM patient WHERE id = ANY($1)"


async def zones(db: Db, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """On whose clock each patient's appointments are written."""
    return {row["id"]: row["zone"] for row in await db.fetch(ZONES, list(patients))}


OPEN_GAP = """
    SELECT g.id FROM gap g
      JOIN appointment a ON a.patient_id = g.patient_id AND a.measure = g.measure
      JOIN patient p ON p.id = a.patient_id
     WHERE a.patient_id = $1 AND a.id = $2 AND g.status = 'open'
       AND (a.starts_at AT TIME ZONE p.zone)::date BETWEEN g.period_start AND g.period_end
"""


async def open_gap(db: Db, patient: uuid.UUID, appointment: uuid.UUID) -> uuid.UUID | None:
    """The open gap that this appointment was for."""
    found: uuid.UUID | None = await db.fetchval(OPEN_GAP, patient, appointment)
    return found


AWAIT = "UPDATE appointment SET awaited_gap_id = $3 WHERE patient_id = $1 AND id = $2"


async def await_gap(db: Db, patient: uuid.UUID, appointment: uuid.UUID, gap: uuid.UUID) -> None:
    """Keeping the appointment put this gap to waiting for its evidence."""
    await db.execute(AWAIT, patient, appointment, gap)


TAKE_BACK = """
    UPDATE appointment a SET awaited_gap_id = NULL FROM appointment o
     WHERE a.patient_id = $1 AND a.id = $2 AND o.patient_id = a.patient_id AND o.id = a.id
       AND a.awaited_gap_id IS NOT NULL
    RETURNING o.awaited_gap_id
"""


async def take_back_gap(db: Db, patient: uuid.UUID, appointment: uuid.UUID) -> uuid.UUID | None:
    """The gap that it had put to waiting, once."""
    found: uuid.UUID | None = await db.fetchval(TAKE_BACK, patient, appointment)
    return found


CALL = "SELECT id FROM task WHERE kind = 'noshow_call' AND subject = $1 AND closed_at IS NULL"


async def open_call(db: Db, appointment: uuid.UUID) -> uuid.UUID | None:
    """The task to call somebody who did not come."""
    found: uuid.UUID | None = await db.fetchval(CALL, str(appointment))
    return found
