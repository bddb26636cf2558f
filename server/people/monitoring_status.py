"""Whether a patient is monitored now, since when and why; every change is kept, and the last can be taken back."""

import uuid
from datetime import datetime, timedelta

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.people.patients import MonitoringStatus

# Why, in codes: of each status those that make sense. "other" needs a note.
REASONS: dict[MonitoringStatus, tuple[str, ...]] = {
    "active": ("returned",),
    "paused": ("hospital", "travel", "device_away", "other"),
    "hospice": ("hospice_care", "other"),
    "deceased": ("told_by_family", "in_the_record", "other"),
    "left": ("moved_away", "declined", "discharged", "other"),
}
BY_ITSELF = "pause_over"
UNDONE = "undone"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: a pause ends by itself then. `rebaseline_from`: what was measured before says nothing of now."""

    status: MonitoringStatus
    until: datetime | None = None
    rebaseline_from: datetime | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change: the state it led to, who said why, and which change it took back."""

    id: uuid.UUID
    status: MonitoringStatus
    reason: str
    note: str
    until: datetime | None
    rebaseline_from: datetime | None
    changed_by: str
    changed_name: str
    changed_at: datetime
    undoes: uuid.UUID | None

    @property
    def state(self) -> State:
        return State(status=self.status, until=self.until, rebaseline_from=self.rebaseline_from)


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A change to be written. `changed_by` is a principal."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    state: State
    reason: str
    note: str
    changed_by: str
    undoes: uuid.UUID | None = None


LOCK = """
    SELECT monitoring_status AS status, monitoring_until AS until, rebaseline_from
      FROM patient WHERE id = $1 FOR UPDATE
"""


async def lock(db: Db, patient: uuid.UUID) -> State | None:
    """The state now; nobody else changes it before this transaction ends. None: no such patient."""
    row = await db.fetchrow(LOCK, patient)
    return State(**dict(row)) if row else None


CURRENT = """
    SELECT monitoring_status AS status, monitoring_until AS until, rebaseline_from FROM patient WHERE id = $1
"""


async def current(db: Db, patient: uuid.UUID) -> State | None:
    row = await db.fetchrow(CURRENT, patient)
    return State(**dict(row)) if row else None


SET = """
    UPDATE patient SET monitoring_status = $2, monitoring_until = $3, rebaseline_from = $4 WHERE id = $1
"""
RECORD = """
    INSERT INTO monitoring_change (id, organization_id, patient_id, status, reason, note, until, rebaseline_from,
                                   changed_by, changed_at, undoes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def record(db: Db, new: New, now: datetime) -> None:
    """The state and its history, of a patient whom the caller has locked."""
    state = new.state
    await db.execute(SET, new.patient_id, state.status, state.until, state.rebaseline_from)
    await db.execute(
        RECORD, uuid7(), new.organization_id, new.patient_id, state.status, new.reason, new.note, state.until,
        state.rebaseline_from, new.changed_by, now, new.undoes,
    )  # fmt: skip


HISTORY = """
    SELECT c.id, c.status, c.reason, c.note, c.until, c.rebaseline_from, c.changed_by,
           coalesce(s.name, 'Careloop') AS changed_name, c.changed_at, c.undoes
      FROM monitoring_change c LEFT JOIN staff s ON c.changed_by = 'staff:' || s.id
     WHERE c.patient_id = $1 ORDER BY c.changed_at DESC, c.id DESC LIMIT $2
"""


async def history(db: Db, patient: uuid.UUID, limit: int = 20) -> list[Change]:
    """Newest first; a patient who was always active has none."""
    return [Change(**dict(row)) for row in await db.fetch(HISTORY, patient, limit)]


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """A patient whose pause is over."""

    patient_id: uuid.UUID
    organization_id: uuid.UUID
    mrn: str
    until: datetime


BACK = """
    SELECT id AS patient_id, organization_id, mrn, monitoring_until AS until FROM patient
     WHERE monitoring_until <= $1 AND monitoring_status = 'paused'
     ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
"""


async def back(db: Db, now: datetime) -> list[Back]:
    """Those whose pause ended by itself, locked: no other worker brings them back too."""
    return [Back(**dict(row)) for row in await db.fetch(BACK, now)]


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has left or died and still has devices of ours."""

    organization_id: uuid.UUID
    mrn: str
    status: MonitoringStatus
    devices: list[str]


GONE = """
    SELECT p.organization_id, p.mrn, p.monitoring_status AS status,
           array_agg(DISTINCT l.device_id ORDER BY l.device_id) AS devices
      FROM patient p JOIN loan l ON l.patient_id = p.id AND l.lent @> $1::timestamptz
     WHERE p.monitoring_status IN ('left', 'deceased') AND NOT p.synthetic
       AND NOT EXISTS (SELECT FROM alarm a
                        WHERE a.organization_id = p.organization_id AND a.kind = $2 AND a.subject = p.mrn
                          AND a.resolved_by IS NOT NULL AND a.resolved_at > $1 - $3::interval)
     GROUP BY p.id ORDER BY p.id
"""


async def gone_with_devices(db: Db, alarm_kind: str, rests: timedelta, now: datetime) -> list[Gone]:
    """While a device is on loan its readings are stored and judged, so it has to come back.

    Without those whose alarm of this kind staff resolved lately: somebody is seeing to it.
    """
    return [Gone(**dict(row)) for row in await db.fetch(GONE, now, alarm_kind, rests)]
