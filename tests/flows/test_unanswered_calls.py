"""A call that nobody picks up says nothing of the number; several in a row need a person."""

from datetime import timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import receipt
from server.flows.receipt import Report
from tests.texting import NOON, answer, put
from tests.world import World


async def called(
    worker_db: Database, web_db: Database, owner: Any, world: World, day: int, status: str, **changes: Any
) -> list[str]:
    """A call on that day that ended so; the kinds of the tasks that are open then."""
    at = NOON + timedelta(days=day)
    call, attempt = answer(world, **({"channel": "voice", "purpose": "reminder", "created_at": at} | changes)), uuid7()
    await put(worker_db, call)
    await owner.execute("UPDATE message SET status = 'sent', claimed_at = $2 WHERE id = $1", call.id, at)
    await owner.execute(
        "INSERT INTO attempt (id, organization_id, message_id, provider, started_at) VALUES ($1, $2, $3, 'twilio', $4)",
        attempt, world.organization, call.id, at,
    )  # fmt: skip
    async with web_db.transaction(Who(principal="service:twilio", organization=world.organization)) as db:
        assert await receipt.handle(db, attempt, Report(sid=f"CA{attempt}", status=status, error_code=None,
                                                        from_number=world.sender), at)  # fmt: skip
    return [row["kind"] for row in await owner.fetch("SELECT kind FROM task WHERE closed_at IS NULL")]


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed"])
async def test_three_calls_in_a_row_that_nobody_picks_up_are_a_persons_task(
    worker_db: Database, web_db: Database, owner: Any, world: World, status: str
) -> None:
    for day in range(2):
        assert await called(worker_db, web_db, owner, world, day, status) == []
    assert await called(worker_db, web_db, owner, world, 2, status) == ["unreachable"]
    assert await owner.fetchval("SELECT count(*) FROM telephone") == 0, "the number is as good as before"
    await owner.execute("UPDATE task SET closed_at = $1, closed_by = 'test', outcome = 'no_answer'", NOON)
    for day in (3, 4):
        assert await called(worker_db, web_db, owner, world, day, status) == []
    assert await called(worker_db, web_db, owner, world, 5, status) == ["unreachable"]


async def test_who_picks_up_in_between_is_reachable(
    worker_db: Database, web_db: Database, owner: Any, world: World
) -> None:
    for day, status in enumerate(["no-answer", "busy", "completed", "no-answer", "busy"]):
        assert await called(worker_db, web_db, owner, world, day, status) == []


@pytest.mark.parametrize("purpose", ["safety", "answer"])
async def test_other_calls_have_steps_of_their_own(
    worker_db: Database, web_db: Database, owner: Any, world: World, purpose: str
) -> None:
    for day in range(4):
        assert await called(worker_db, web_db, owner, world, day, "no-answer", purpose=purpose) == []
