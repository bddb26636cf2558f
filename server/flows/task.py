"""A person takes a task, does it, and says what came of it; a call about a check then moves its gap as a text would."""

import uuid
from datetime import datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import asyncpg

from server.db.events import Event, tell
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.gaps import reports, wishes
from server.outreach import tasks
from server.outreach.tasks import Outcome, Task
from server.security import audit
from server.security.sessions import Person

GONE = "There is no such task, or it belongs to somebody else. Go back to the tasks."
OPEN_AGAIN = "It is open again already, or a newer task for the same is."
# As when the patient texts "done" or "booked": reminders stop, and only evidence closes the gap.
SETTLES: tuple[Outcome, ...] = ("booked", "done_elsewhere")
UNREACHED: tuple[Outcome, ...] = ("left_message", "no_answer")
LATEST_AGAIN = 30


async def take(database: Database, person: Person, task: uuid.UUID, now: datetime) -> None:
    """I do this one. `Conflict` names who was first."""
    async with answering(database, person, "task.take", task, now) as db:
        found = await _found(db, task)
        if await tasks.take(db, task, _staff(person), now):
            await _record(db, person, "task.take", found, now)
        elif found.closed_at is not None or found.taken_by != person.staff_id:
            raise Conflict(_who_was_first(await _found(db, task)))


async def put_back(database: Database, person: Person, task: uuid.UUID, now: datetime) -> None:
    """The undo of taking it: anybody may take it again."""
    async with answering(database, person, "task.put_back", task, now) as db:
        found = await _found(db, task)
        if await tasks.put_back(db, task, _staff(person)):
            await _record(db, person, "task.put_back", found, now)
        elif found.closed_at is not None or found.taken_by is not None:
            raise Conflict(_who_was_first(found))


async def close(
    database: Database, person: Person, task: uuid.UUID, outcome: str | None, note: str, now: datetime,
    again_in_days: int = 0,
) -> None:  # fmt: skip
    """It is done, with what came of it; also by somebody who did not take it first.

    A call that reached nobody may be tried again in some days: then the task stays, due on that day.
    """
    said = _outcome(outcome)
    if again_in_days and said in UNREACHED:
        await _again(database, person, task, said, note.strip(), again_in_days, now)
        return
    async with answering(database, person, "task.close", task, now) as db:
        found = await _found(db, task)
        if not await tasks.close(db, task, f"staff:{_staff(person)}", said, note.strip(), now):
            raise Conflict(_who_was_first(await _found(db, task)))
        await _settle(db, found, said, now)
        await _record(db, person, "task.close", found, now, outcome=said)


async def _again(
    database: Database, person: Person, task: uuid.UUID, said: Outcome, note: str, days: int, now: datetime
) -> None:
    if not 0 < days <= LATEST_AGAIN:
        raise Invalid(f"Try again within {LATEST_AGAIN} days.")
    async with answering(database, person, "task.again", task, now) as db:
        found = await _found(db, task)
        day = now.astimezone(ZoneInfo(person.zone)).date() + timedelta(days=days)
        if not await tasks.put_off(db, task, day, said, note):
            raise Conflict(_who_was_first(await _found(db, task)))
        await _record(db, person, "task.again", found, now, outcome=said)


async def reopen(database: Database, person: Person, task: uuid.UUID, now: datetime) -> None:
    """The undo of closing it, with what the closing did to the gap. Evidence that came meanwhile stays."""
    try:
        async with answering(database, person, "task.reopen", task, now) as db:
            found = await _found(db, task)
            if not await tasks.reopen(db, task):
                raise Conflict(OPEN_AGAIN)
            await _unsettle(db, found)
            await _record(db, person, "task.reopen", found, now)
    except asyncpg.UniqueViolationError:  # the same was opened by somebody else in this very moment
        raise Conflict(OPEN_AGAIN) from None


async def _settle(db: Db, found: Task, said: Outcome, now: datetime) -> None:
    """What a text reply of the same meaning does. Remembered only when this call did it: so undo takes nothing else."""
    patient, gap = found.patient_id, found.about_gap
    if patient is None or gap is None:
        return
    if said in SETTLES and await reports.report_done(db, patient, gap, now):
        await tasks.settled(db, found.id, gap)
    elif said == "declined":
        first = await reports.may_text(db, patient, gap)
        if await wishes.no_texts(db, patient, gap, "not_for_me", now) and first:
            await tasks.settled(db, found.id, gap)


async def _unsettle(db: Db, found: Task) -> None:
    gap = await tasks.unsettle(db, found.id)
    if gap is not None and found.patient_id is not None:
        undo = wishes.texts_again if found.outcome == "declined" else reports.withdraw
        await undo(db, found.patient_id, gap)


async def _found(db: Db, task: uuid.UUID) -> Task:
    found = await tasks.get(db, task)
    if found is None:
        raise NotFound(GONE)
    return found


def _outcome(said: str | None) -> Outcome:
    for one in get_args(Outcome):
        if one == said:
            return one  # type: ignore[no-any-return]
    raise Invalid("Choose what came of it.")


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("Tasks are the care team's.")
    return person.staff_id


def _who_was_first(found: Task) -> str:
    if found.closed_at is not None:
        return f"{found.closer or 'Somebody'} has closed this already."
    return f"{found.taker or 'Somebody'} has taken this already." if found.taken_by else "Nobody has taken this."


async def _record(
    db: Db, person: Person, action: str, found: Task, now: datetime, *, outcome: Outcome | None = None
) -> None:
    detail = {"kind": found.kind} | ({"outcome": outcome} if outcome else {})
    await audit.note(
        db, person.who, person.organization, action, f"task:{found.id}", now, patient=found.patient_id, detail=detail
    )
    await tell(db, Event(topic="worklist", organization=person.organization))
