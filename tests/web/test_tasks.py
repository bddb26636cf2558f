"""The tasks page: overdue first, taken, closed, undone, and told who was first; with script and without."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.outreach import tasks
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

WORKER = Who(principal="service:worker")
SCRIPT = {"hx-request": "true"}


async def task(worker_db: Database, world: World, says: str, kind: str = "bad_number", days: int = 0) -> uuid.UUID:
    now = datetime.now(UTC)
    async with worker_db.transaction(WORKER) as db:
        assert await tasks.open_task(
            db, organization=world.organization, kind=kind, subject=says, says=says, now=now, patient=world.patient,
            due_on=now.date() + timedelta(days=days) if days else None,
        )  # fmt: skip
        found = await db.fetchval("SELECT id FROM task WHERE says = $1", says)
    assert isinstance(found, uuid.UUID)
    return found


async def test_without_tasks_it_says_so(nurse: Client) -> None:
    assert "Nothing to do." in (await nurse.get("/tasks")).text
    assert (await nurse.get("/tasks/count")).text.strip() == ""


async def test_overdue_comes_first_and_the_navigation_counts_what_is_due(
    nurse: Client, worker_db: Database, world: World
) -> None:
    await task(worker_db, world, "Say later.", days=9)
    await task(worker_db, world, "Say today.")
    await task(worker_db, world, "Say overdue.", "some_new_kind", days=-4)
    said = (await nurse.get("/tasks")).text
    assert re.findall(r'<span class="item-what">(.*?)</span>', said) == ["Say overdue.", "Say today.", "Say later."]
    assert "Some new kind" in said
    assert world.patient_phone in said
    assert "2<span" in (await nurse.get("/tasks/count")).text
    chosen = (await nurse.get("/tasks?kind=some_new_kind")).text
    assert re.findall(r'<span class="item-what">(.*?)</span>', chosen) == ["Say overdue."]


async def test_a_task_is_taken_closed_and_opened_again(
    nurse: Client, owner: Any, worker_db: Database, world: World
) -> None:
    made = await task(worker_db, world, "Call.")
    taken = await nurse.post(f"/tasks/{made}/take", data={"whose": "mine"})
    assert (taken.status_code, taken.headers["location"]) == (303, "/tasks?whose=mine")
    assert "taken by you" in (await nurse.get("/tasks?whose=mine")).text
    assert (await nurse.post(f"/tasks/{made}/close", data={"note": "x"})).status_code == 422
    closed = await nurse.post(f"/tasks/{made}/close", data={"outcome": "reached", "note": "will come"})
    assert closed.status_code == 303
    said = (await nurse.get("/tasks")).text
    assert "Nothing to do." in said
    assert "Reached and talked</strong>: will come" in said
    undone = await nurse.post(f"/tasks/{made}/reopen", headers=SCRIPT)
    assert "Nothing to do." not in undone.text
    assert "<html" not in undone.text
    assert await owner.fetchval("SELECT closed_at IS NULL AND outcome IS NULL FROM task")
    rows = await owner.fetch(
        "SELECT action FROM audit WHERE action LIKE 'task.%' AND action <> 'task.view' ORDER BY at"
    )
    assert [row["action"] for row in rows] == ["task.take", "task.close", "task.reopen"]


async def test_nobody_answered_and_the_task_comes_back_on_another_day(
    nurse: Client, owner: Any, worker_db: Database, world: World
) -> None:
    made = await task(worker_db, world, "Call.")
    again = {"outcome": "no_answer", "again": "3", "note": "rang ten times"}
    assert (await nurse.post(f"/tasks/{made}/close", data=again)).status_code == 303
    row = await owner.fetchrow("SELECT closed_at, due_on - opened_at::date AS days FROM task")
    assert row["closed_at"] is None
    assert row["days"] in (2, 3)  # the organization's own date may be a day behind
    assert "Last try: nobody answered. rang ten times" in (await nurse.get("/tasks")).text
    far = await nurse.post(f"/tasks/{made}/close", data=again | {"again": "400"})
    assert (far.status_code, "within 30 days" in far.text) == (422, True)


async def test_the_second_hears_who_was_first(
    nurse: Client, client: Client, owner: Any, worker_db: Database, world: World
) -> None:
    made = await task(worker_db, world, "Call.")
    await nurse.post(f"/tasks/{made}/close", data={"outcome": "booked"})
    login, _ = await staff_login(owner, world, "coordinator")
    await sign_in(client, login)
    for act in ("take", "close"):
        late = await client.post(f"/tasks/{made}/{act}", data={"outcome": "booked"})
        assert (late.status_code, "Nurse Aspen has closed this already." in late.text) == (409, True)
    scripted = await client.post(f"/tasks/{made}/take", headers=SCRIPT)
    assert (scripted.status_code, "Nurse Aspen has closed" in scripted.text) == (200, True)


async def test_a_live_page_that_shows_just_this_is_told_nothing_and_notes_no_second_look(
    nurse: Client, owner: Any, worker_db: Database, world: World
) -> None:
    await task(worker_db, world, "Call.")
    [shown] = re.findall(r'data-digest="(\w+)"', (await nurse.get("/tasks")).text)
    assert (await nurse.get(f"/tasks/list?shown={shown}")).status_code == 204
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'tasks.view'") == 1
    await task(worker_db, world, "Write.")
    assert (await nurse.get(f"/tasks/list?shown={shown}")).status_code == 200


@pytest.mark.parametrize("role", ["quality"])
async def test_who_may_only_look_finds_no_buttons(
    client: Client, owner: Any, worker_db: Database, world: World, role: str
) -> None:
    made = await task(worker_db, world, "Call.")
    login, _ = await staff_login(owner, world, role)
    await sign_in(client, login)
    said = (await client.get("/tasks")).text
    assert ("Call." in said, "data-take" in said) == (True, False)
    assert (await client.post(f"/tasks/{made}/take")).status_code == 403
