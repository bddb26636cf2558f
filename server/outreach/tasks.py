"""What a person must do because no text can: one open task per subject, taken by one, closed with what came of it."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Literal

import msgspec

from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db

Outcome = Literal[
    "reached", "left_message", "no_answer", "wrong_number", "letter_sent", "booked", "declined", "done_elsewhere",
    "corrected", "not_needed",
]  # fmt: skip
ABOUT_A_GAP = ("call_for_gap", "gap_not_for_me")  # their subject is the gap's id
SHOWN = 300  # so many lines a person can still scroll; the count says how many there are


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, in a sentence without health data. Without `due_on` it is due today where the organization is."""

    organization_id: uuid.UUID
    kind: str
    subject: str
    says: str
    patient_id: uuid.UUID | None = None
    due_on: date | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as staff see it; `taken_by` and `closed_by` are who, `taker` and `closer` their names."""

    id: uuid.UUID
    kind: str
    subject: str
    says: str
    patient_id: uuid.UUID | None
    patient_name: str | None
    mrn: str | None
    phone: str | None
    opened_at: datetime
    due_on: date
    taken_by: uuid.UUID | None
    taken_at: datetime | None
    taker: str | None
    closed_at: datetime | None
    closer: str | None
    outcome: str | None
    note: str | None

    @property
    def about_gap(self) -> uuid.UUID | None:
        """The gap it is about, when it is about one."""
        with suppress(ValueError):
            return uuid.UUID(self.subject) if self.kind in ABOUT_A_GAP else None
        return None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How many are open; of those due today or before; of those this person has taken."""

    open: int
    due: int
    mine: int


OPEN = """
    INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on)
    SELECT n.id, n.organization_id, n.patient_id, n.kind, n.subject, n.says, $8,
           coalesce(n.due_on, ($8 AT TIME ZONE o.zone)::date)
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::date[])
        AS n (id, organization_id, patient_id, kind, subject, says, due_on)
      JOIN organization o ON o.id = n.organization_id
     ORDER BY n.organization_id, n.kind, n.subject
    ON CONFLICT (organization_id, kind, subject) WHERE closed_at IS NULL DO NOTHING
    RETURNING organization_id
"""


async def open_tasks(db: Db, tasks: Sequence[NewTask], now: datetime) -> int:
    """Returns how many are new; of those with the same (organization, kind, subject) one is open at a time."""
    columns = [
        [uuid7() for _ in tasks], [one.organization_id for one in tasks], [one.patient_id for one in tasks],
        [one.kind for one in tasks], [one.subject for one in tasks], [one.says for one in tasks],
        [one.due_on for one in tasks],
    ]  # fmt: skip
    opened = await db.fetch(OPEN, *columns, now) if tasks else []
    await tell(db, *(Event(topic="worklist", organization=row["organization_id"]) for row in opened))
    return len(opened)


async def open_task(
    db: Db,
    *,
    organization: uuid.UUID,
    kind: str,
    subject: str,
    says: str,
    now: datetime,
    patient: uuid.UUID | None = None,
    due_on: date | None = None,
) -> bool:
    """False when one is open for (organization, kind, subject) already."""
    task = NewTask(
        organization_id=organization, kind=kind, subject=subject, says=says, patient_id=patient, due_on=due_on
    )
    return await open_tasks(db, [task], now) == 1


WAITING = """
    SELECT count(*)::int AS open, count(*) FILTER (WHERE due_on <= $1)::int AS due,
           count(*) FILTER (WHERE taken_by = $2)::int AS mine
      FROM task WHERE closed_at IS NULL
"""


async def waiting(db: Db, today: date, staff: uuid.UUID | None) -> Waiting:
    return Waiting(**dict(await db.fetchrow(WAITING, today, staff)))


LIST = """
    SELECT t.id, t.kind, t.subject, t.says, t.patient_id, p.given_name || ' ' || p.family_name AS patient_name, p.mrn,
           p.phone, t.opened_at, t.due_on, t.taken_by, t.taken_at, s.name AS taker, t.closed_at, NULL AS closer,
           t.outcome, t.note
      FROM task t
      LEFT JOIN patient p ON p.id = t.patient_id
      LEFT JOIN staff s ON s.id = t.taken_by
     WHERE t.closed_at IS NULL AND ($1::uuid IS NULL OR t.taken_by = $1) AND ($2::text IS NULL OR t.kind = $2)
     ORDER BY t.kind <> 'call_patient', t.due_on, t.kind, t.opened_at, t.id
     LIMIT $3
"""


async def still_open(db: Db, taken_by: uuid.UUID | None = None, kind: str | None = None) -> list[Task]:
    """Whom no safety message reached first, then by day and kind; at most `SHOWN`."""
    return [Task(**dict(row)) for row in await db.fetch(LIST, taken_by, kind, SHOWN)]


KINDS = "SELECT kind, count(*)::int AS tasks FROM task WHERE closed_at IS NULL GROUP BY kind ORDER BY kind"


async def kinds(db: Db) -> dict[str, int]:
    """How many are open of each kind that has any."""
    return {row["kind"]: row["tasks"] for row in await db.fetch(KINDS)}


CLOSED = """
    SELECT t.id, t.kind, t.subject, t.says, t.patient_id, p.given_name || ' ' || p.family_name AS patient_name, p.mrn,
           p.phone, t.opened_at, t.due_on, t.taken_by, t.taken_at, s.name AS taker, t.closed_at, c.name AS closer,
           t.outcome, t.note
      FROM task t
      LEFT JOIN patient p ON p.id = t.patient_id
      LEFT JOIN staff s ON s.id = t.taken_by
      LEFT JOIN staff c ON t.closed_by = 'staff:' || c.id
     WHERE t.closed_at >= $1
     ORDER BY t.closed_at DESC, t.id
     LIMIT $2
"""


async def closed_since(db: Db, since: datetime, most: int = 20) -> list[Task]:
    """The newest first: what can still be taken back."""
    return [Task(**dict(row)) for row in await db.fetch(CLOSED, since, most)]


GET = """
    SELECT t.id, t.kind, t.subject, t.says, t.patient_id, p.given_name || ' ' || p.family_name AS patient_name, p.mrn,
           p.phone, t.opened_at, t.due_on, t.taken_by, t.taken_at, s.name AS taker, t.closed_at, c.name AS closer,
           t.outcome, t.note
      FROM task t
      LEFT JOIN patient p ON p.id = t.patient_id
      LEFT JOIN staff s ON s.id = t.taken_by
      LEFT JOIN staff c ON t.closed_by = 'staff:' || c.id
     WHERE t.id = $1
"""


async def get(db: Db, task: uuid.UUID) -> Task | None:
    """None also when it is another organization's."""
    row = await db.fetchrow(GET, task)
    return Task(**dict(row)) if row else None


TAKE = """
    UPDATE task SET taken_by = $2, taken_at = $3 WHERE id = $1 AND closed_at IS NULL AND taken_by IS NULL RETURNING id
"""


async def take(db: Db, task: uuid.UUID, staff: uuid.UUID, now: datetime) -> bool:
    """True for the one who was first."""
    return await db.fetchval(TAKE, task, staff, now) is not None


PUT_BACK = """
    UPDATE task SET taken_by = NULL, taken_at = NULL WHERE id = $1 AND closed_at IS NULL AND taken_by = $2 RETURNING id
"""


async def put_back(db: Db, task: uuid.UUID, staff: uuid.UUID) -> bool:
    """The undo of taking it, by whoever took it."""
    return await db.fetchval(PUT_BACK, task, staff) is not None


CLOSE = """
    UPDATE task SET closed_at = $3, closed_by = $2, outcome = $4, note = $5
     WHERE id = $1 AND closed_at IS NULL
    RETURNING id
"""


async def close(db: Db, task: uuid.UUID, by: str, outcome: Outcome, note: str, now: datetime) -> bool:
    """Done, with what came of it; `by` is a principal. False when somebody closed it before."""
    return await db.fetchval(CLOSE, task, by, now, outcome, note or None) is not None


MOOT = """
    UPDATE task SET closed_at = $5, closed_by = $4, outcome = 'not_needed', note = $6
     WHERE organization_id = $1 AND kind = $2 AND subject = $3 AND closed_at IS NULL AND taken_by IS NULL
    RETURNING id
"""


async def moot(db: Db, organization: uuid.UUID, kind: str, subject: str, by: str, note: str, now: datetime) -> bool:
    """It settled itself, as the note says; who has taken it meanwhile keeps it. False when nothing was open."""
    closed = await db.fetchval(MOOT, organization, kind, subject, by, now, note) is not None
    if closed:
        await tell(db, Event(topic="worklist", organization=organization))
    return closed


PUT_OFF = """
    UPDATE task SET due_on = $2, outcome = $3, note = coalesce($4, note), taken_by = NULL, taken_at = NULL
     WHERE id = $1 AND closed_at IS NULL
    RETURNING id
"""


async def put_off(db: Db, task: uuid.UUID, due_on: date, outcome: Outcome, note: str) -> bool:
    """Tried in vain, and to be tried again on that day, by anybody; it says how the last try went."""
    return await db.fetchval(PUT_OFF, task, due_on, outcome, note or None) is not None


REOPEN = """
    UPDATE task AS t SET closed_at = NULL, closed_by = NULL, outcome = NULL, note = NULL
     WHERE id = $1 AND closed_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM task o WHERE o.organization_id = t.organization_id AND o.kind = t.kind
                          AND o.subject = t.subject AND o.closed_at IS NULL)
    RETURNING id
"""


async def reopen(db: Db, task: uuid.UUID) -> bool:
    """The undo of closing it. False when it is open, or a newer one of the same subject is."""
    return await db.fetchval(REOPEN, task) is not None


SETTLED = "UPDATE task SET settled_gap = $2 WHERE id = $1"


async def settled(db: Db, task: uuid.UUID, gap: uuid.UUID) -> None:
    """Remember that closing the task moved this gap."""
    await db.execute(SETTLED, task, gap)


UNSETTLE = """
    UPDATE task AS t SET settled_gap = NULL
      FROM (SELECT id, settled_gap FROM task WHERE id = $1 FOR UPDATE) AS before
     WHERE t.id = before.id AND before.settled_gap IS NOT NULL
    RETURNING before.settled_gap
"""


async def unsettle(db: Db, task: uuid.UUID) -> uuid.UUID | None:
    """The gap that its closing had moved, once."""
    gap: uuid.UUID | None = await db.fetchval(UNSETTLE, task)
    return gap
