"""What a person must do: one open task per subject, taken by one, closed with what came of it, taken back whole."""

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import task as flow
from server.outreach import tasks
from server.outreach.tasks import NewTask, Task
from tests.flows.test_resolve_held import person_of
from tests.world import World

WORKER = Who(principal="service:worker")
NOW = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)  # still the 19th in New York
SAYS = "Call: a check is due and three texts had no answer."


async def opened(worker_db: Database, world: World, subject: str = "x", kind: str = "bad_number") -> bool:
    async with worker_db.transaction(WORKER) as db:
        return await tasks.open_task(
            db, organization=world.organization, kind=kind, subject=subject, says=SAYS, now=NOW, patient=world.patient
        )


async def listed(web_db: Database, world: World, **chosen: Any) -> list[Task]:
    async with web_db.transaction(person_of(world).who) as db:
        return await tasks.still_open(db, **chosen)


async def the_one(web_db: Database, world: World) -> uuid.UUID:
    [found] = await listed(web_db, world)
    return found.id


async def gap_of(owner: Any, world: World, status: str = "open") -> uuid.UUID:
    gap = uuid7()
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, status, opened_at, reported_at)
           VALUES ($1, $2, $3, 'CMS125', '2026-01-01', '2026-12-31', $4::text, $5::timestamptz, CASE WHEN $4::text = 'open' THEN NULL ELSE $5::timestamptz END)""",
        gap, world.organization, world.patient, status, NOW,
    )  # fmt: skip
    return gap


async def test_one_task_is_open_per_subject_whoever_opens_it(
    worker_db: Database, web_db: Database, world: World
) -> None:
    made = await asyncio.gather(*(opened(worker_db, world) for _ in range(4)))
    assert sorted(made) == [False, False, False, True]
    [found] = await listed(web_db, world)
    assert (found.due_on, found.mrn, found.says) == (date(2026, 11, 19), "Aspen-1", SAYS)


async def test_a_batch_opens_what_is_new_and_keeps_its_days(
    worker_db: Database, web_db: Database, world: World
) -> None:
    await opened(worker_db, world, "a")
    new = [
        NewTask(organization_id=world.organization, kind="bad_number", subject=name, says=SAYS, due_on=day)
        for name, day in (("a", None), ("b", date(2026, 11, 18)), ("c", date(2026, 12, 1)))
    ]
    async with worker_db.transaction(WORKER) as db:
        assert await tasks.open_tasks(db, new, NOW) == 2
        assert await tasks.open_tasks(db, [], NOW) == 0
    assert [one.subject for one in await listed(web_db, world)] == ["b", "a", "c"]
    async with web_db.transaction(person_of(world).who) as db:
        counts = await tasks.waiting(db, date(2026, 11, 19), world.nurse)
    assert (counts.open, counts.due, counts.mine) == (3, 2, 0)


async def test_only_one_of_two_takes_it_and_the_other_hears_who(
    worker_db: Database, web_db: Database, owner: Any, world: World
) -> None:
    await opened(worker_db, world)
    task, other = await the_one(web_db, world), uuid7()
    await owner.execute(
        "INSERT INTO staff (id, organization_id, name, role, created_at) VALUES ($1, $2, 'Ruth', 'nurse', $3)",
        other, world.organization, NOW,
    )  # fmt: skip
    both = (person_of(world), person_of(world, other))
    done = await asyncio.gather(*(flow.take(web_db, one, task, NOW) for one in both), return_exceptions=True)
    [refused] = [one for one in done if one is not None]
    assert isinstance(refused, Conflict)
    assert refused.says.endswith("has taken this already.")
    winner = both[done.index(None)]
    await flow.take(web_db, winner, task, NOW)  # pressing twice is fine
    assert len(await listed(web_db, world, taken_by=winner.staff_id)) == 1
    await flow.put_back(web_db, winner, task, NOW)
    assert await listed(web_db, world, taken_by=winner.staff_id) == []


async def test_closed_with_its_outcome_it_is_gone_and_the_same_can_be_opened_anew(
    worker_db: Database, web_db: Database, owner: Any, world: World
) -> None:
    await opened(worker_db, world)
    task, nurse = await the_one(web_db, world), person_of(world)
    await flow.close(web_db, nurse, task, "left_message", " after six ", NOW)
    assert await listed(web_db, world) == []
    row = await owner.fetchrow("SELECT outcome, note, closed_by FROM task")
    assert tuple(row) == ("left_message", "after six", f"staff:{world.nurse}")
    with pytest.raises(Conflict, match="has closed this already"):
        await flow.close(web_db, nurse, task, "reached", "", NOW)
    assert await opened(worker_db, world)
    with pytest.raises(Conflict, match="newer task"):
        await flow.reopen(web_db, nurse, task, NOW)


async def test_what_is_no_outcome_is_said_and_what_is_nobodys_task_too(
    worker_db: Database, web_db: Database, owner: Any, world: World, other_world: World
) -> None:
    await opened(worker_db, world)
    task = await the_one(web_db, world)
    with pytest.raises(Invalid, match="what came of it"):
        await flow.close(web_db, person_of(world), task, "fine", "", NOW)
    for act in (flow.take, flow.put_back, flow.reopen):
        with pytest.raises(NotFound):
            await act(web_db, person_of(other_world), task, NOW)
    with pytest.raises(NotFound):
        await flow.close(web_db, person_of(other_world), task, "reached", "", NOW)
    refused = await owner.fetch("SELECT organization_id FROM audit WHERE NOT allowed")
    assert [row["organization_id"] for row in refused] == [other_world.organization] * 4


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("booked", "awaiting_evidence"), ("done_elsewhere", "awaiting_evidence"), ("declined", "open"), ("reached", "open")],
)  # fmt: skip
async def test_what_a_call_found_moves_the_gap_as_a_text_would_and_undo_moves_it_back(
    worker_db: Database, web_db: Database, owner: Any, world: World, outcome: str, status: str
) -> None:
    gap = await gap_of(owner, world)
    await opened(worker_db, world, str(gap), "call_for_gap")
    task, nurse = await the_one(web_db, world), person_of(world)
    await flow.close(web_db, nurse, task, outcome, "", NOW)
    assert await owner.fetchval("SELECT status FROM gap") == status
    assert (await owner.fetchval("SELECT no_text_before FROM gap") is not None) is (outcome == "declined")
    await flow.reopen(web_db, nurse, task, NOW + timedelta(minutes=1))
    assert await owner.fetchval("SELECT status FROM gap") == "open"
    assert await owner.fetchval("SELECT no_text_before FROM gap") is None
    assert await the_one(web_db, world) == task
    actions = [row["action"] for row in await owner.fetch("SELECT action FROM audit ORDER BY at, id")]
    assert actions == ["task.close", "task.reopen"]


async def test_undo_leaves_what_the_patient_said_themselves_and_what_evidence_closed(
    worker_db: Database, web_db: Database, owner: Any, world: World
) -> None:
    gap = await gap_of(owner, world, "awaiting_evidence")
    await opened(worker_db, world, str(gap), "call_for_gap")
    task, nurse = await the_one(web_db, world), person_of(world)
    await flow.close(web_db, nurse, task, "booked", "", NOW)
    await flow.reopen(web_db, nurse, task, NOW)
    assert await owner.fetchval("SELECT status FROM gap") == "awaiting_evidence"
    await owner.execute("UPDATE gap SET status = 'open'")
    await flow.close(web_db, nurse, task, "booked", "", NOW)
    await owner.execute("UPDATE gap SET status = 'closed', closed_at = $1", NOW)
    await flow.reopen(web_db, nurse, task, NOW)
    assert await owner.fetchval("SELECT status FROM gap") == "closed"


async def test_undo_of_a_refusal_by_telephone_leaves_the_patients_own_wish(
    worker_db: Database, web_db: Database, owner: Any, world: World
) -> None:
    gap = await gap_of(owner, world)
    await owner.execute("UPDATE gap SET no_text_before = '2026-11-25'")
    await opened(worker_db, world, str(gap), "gap_not_for_me")
    task, nurse = await the_one(web_db, world), person_of(world)
    await flow.close(web_db, nurse, task, "declined", "", NOW)
    await flow.reopen(web_db, nurse, task, NOW)
    assert await owner.fetchval("SELECT no_text_before > '2026-11-24' FROM gap")
