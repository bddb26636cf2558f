"""The history of a patient's monitoring: who sees it, in which order, and that one worker alone brings somebody back."""

import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from server.db.pool import Database, Who
from server.people import monitoring_status
from server.people.monitoring_status import New, State
from tests.world import World

DAY = timedelta(days=1)
WORKER = Who(principal="service:worker")


async def record(database: Database, world: World, state: State, at: Any, by: str = "service:worker") -> None:
    new = New(
        organization_id=world.organization,
        patient_id=world.patient,
        state=state,
        reason="other",
        note="x",
        changed_by=by,
    )
    async with database.transaction(Who(principal="service:web", organization=world.organization)) as db:
        assert await monitoring_status.lock(db, world.patient) is not None
        await monitoring_status.record(db, new, at)


async def test_the_newest_change_is_first_and_each_is_told_with_a_name(
    web_db: Database, world: World, owner: Any
) -> None:
    now = await owner.fetchval("SELECT now()")
    await record(web_db, world, State(status="paused", until=now + DAY), now, f"staff:{world.nurse}")
    await record(web_db, world, State(status="active", rebaseline_from=now + DAY), now + DAY)
    async with web_db.transaction(Who(principal="staff:x", organization=world.organization)) as db:
        found = await monitoring_status.history(db, world.patient)
        assert await monitoring_status.current(db, world.patient) == found[0].state
    assert [(one.status, one.changed_name) for one in found] == [("active", "Careloop"), ("paused", "Nurse Aspen")]


async def test_neither_the_patient_nor_another_organization_reads_it(
    web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    now = await owner.fetchval("SELECT now()")
    await record(web_db, world, State(status="hospice"), now)
    patient = Who(principal="patient:x", organization=world.organization, patient=world.patient)  # type: ignore[arg-type]
    stranger = Who(principal="staff:x", organization=other_world.organization)
    for who in (patient, stranger):
        async with web_db.transaction(who) as db:
            assert await monitoring_status.history(db, world.patient) == []
            assert await db.fetchval("SELECT count(*) FROM limit_change") == 0


async def test_only_a_pause_has_an_end(web_db: Database, world: World, owner: Any) -> None:
    now = await owner.fetchval("SELECT now()")
    with pytest.raises(asyncpg.CheckViolationError):
        await record(web_db, world, State(status="left", until=now + DAY), now)


async def test_while_one_worker_brings_somebody_back_another_passes_them_by(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    now = await owner.fetchval("SELECT now()")
    await record(web_db, world, State(status="paused", until=now), now - DAY)
    async with worker_db.transaction(WORKER) as one, worker_db.transaction(WORKER) as other:
        assert [x.patient_id for x in await monitoring_status.back(one, now)] == [world.patient]
        assert await monitoring_status.back(other, now) == []


async def test_nobody_unknown_is_locked(web_db: Database, world: World, other_world: World) -> None:
    async with web_db.transaction(Who(principal="staff:x", organization=world.organization)) as db:
        assert await monitoring_status.lock(db, other_world.patient) is None
        assert await monitoring_status.lock(db, uuid.uuid4()) is None
