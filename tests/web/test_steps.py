"""The steps of telling: seen as a timeline, drafted by one, approved by another, and never one that leaves a hole."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database
from tests.flows.clinic import Clinic, make_clinic, open_alert, paged, tick
from tests.flows.test_reading import NOW, count
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

MINUTE = timedelta(minutes=1)
# Once: nurse by text; after 3: backup by call; after 6: clinician and administrator by both, again every 4.
GOOD = {
    "after_0": "0", "unit_0": "minutes", "who_0": ["on_shift"], "channel_0": "sms",
    "after_1": "3", "unit_1": "minutes", "who_1": ["backup"], "channel_1": "voice",
    "after_2": "6", "unit_2": "minutes", "who_2": ["clinician", "admin"], "channel_2": "both",
    "again": "4", "again_unit": "minutes", "severity": "high",
}  # fmt: skip
LINES = (
    "at once: nurse on shift, by text", "after 3 minutes: backup, by call",
    "after 6 minutes: clinician and administrator, by text and by call; then every 4 minutes until somebody answers",
)  # fmt: skip


@pytest.fixture
async def clinic(owner: Any, world: World, worker_db: Database) -> Clinic:
    made = await make_clinic(owner, world)
    await tick(worker_db, datetime.now(UTC))  # the shipped steps
    return made


class Seat:
    """One of several people at the same client, each with a cookie of their own."""

    def __init__(self, client: Client, cookies: dict[str, str]) -> None:
        self._client, self._cookies = client, cookies

    async def get(self, path: str) -> Any:
        self._sit_down()
        return await self._client.get(path)

    async def post(self, path: str, data: dict[str, Any]) -> Any:
        self._sit_down()
        return await self._client.post(path, data=data)

    def _sit_down(self) -> None:
        self._client.cookies.clear()
        self._client.cookies.update(self._cookies)


async def signed_in(client: Client, owner: Any, world: World, role: str, name: str) -> Seat:
    login, _ = await staff_login(owner, world, role, name)
    answer = await sign_in(client, login)
    return Seat(client, dict(answer.cookies))


@pytest.fixture
async def author(client: Client, owner: Any, clinic: Clinic) -> Seat:
    """A coordinator: may draft."""
    return await signed_in(client, owner, clinic.world, "coordinator", "Ada Author")


@pytest.fixture
async def approver(client: Client, owner: Any, clinic: Clinic) -> Seat:
    return await signed_in(client, owner, clinic.world, "clinician", "Bo Second")


async def shown(client: Seat, severity: str = "high") -> str:
    answer = await client.get(f"/steps?severity={severity}")
    assert answer.status_code == 200
    return str(answer.text)


async def test_the_shipped_steps_are_a_timeline_that_awaits_sign_off(approver: Seat, owner: Any) -> None:
    text = await shown(approver)
    for line in (
        "at once: nurse on shift, by text", "after 5 minutes: backup, by text",
        "after 10 minutes: charge nurse, by text and by call",
        "after 15 minutes: clinician and administrator, by text and by call; then every 5 minutes until somebody",
    ):  # fmt: skip
        assert line in text
    assert "awaits clinical sign-off" in text
    assert "next working day at 09:00: nurse on shift, by text; then every day" in await shown(approver, "low")
    assert (await approver.post("/steps/sign", data={"severity": "high"})).status_code == 303
    text = await shown(approver)
    assert "Approved by Bo Second" in text
    assert "awaits clinical sign-off" not in text
    assert "awaits clinical sign-off" in await shown(approver, "medium")
    assert (await approver.post("/steps/sign", data={"severity": "high"})).status_code == 404


async def test_a_preview_shows_the_timeline_and_saves_nothing(author: Seat, owner: Any) -> None:
    answer = await author.post("/steps", data=GOOD | {"preview": "1"})
    assert answer.status_code == 200
    for line in LINES:
        assert line in answer.text
    assert "Not saved yet" in answer.text
    assert await count(owner, "escalation_step", "severity = 'high'") == 4


async def test_a_draft_counts_only_once_a_second_person_approved_it_and_the_old_version_is_kept(
    author: Seat, approver: Seat, owner: Any, clinic: Clinic, worker_db: Database
) -> None:
    assert (await author.post("/steps", data=GOOD | {"save": "1"})).status_code == 303
    text = await shown(author)
    assert "By Ada Author" in text
    assert "Approve: counts from now on" not in text  # a coordinator does not approve
    await open_alert(owner, clinic.world, NOW)
    for minute in range(5):
        await tick(worker_db, NOW + minute * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse")]  # the backup's time is still five minutes
    assert "Approve: counts from now on" in await shown(approver)
    assert (await approver.post("/steps/approve", data={"severity": "high", "version": "2"})).status_code == 303
    text = await shown(approver)
    assert "Approved by Bo Second" in text
    assert "drafted by Ada Author" in text
    assert "counted until" in text
    await open_alert(owner, clinic.world, NOW, rule="glucose_low")
    for minute in range(11):
        await tick(worker_db, NOW + minute * MINUTE)
    calls = await paged(owner, clinic, NOW, "voice")
    assert (3, "backup") in calls
    assert {(6, "clinician"), (6, "admin"), (10, "clinician"), (10, "admin")} <= set(calls)
    noted = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'steps.%' AND action <> 'steps.view'")
    assert sorted(row["action"] for row in noted) == ["steps.approve", "steps.draft"]
    assert await count(owner, "escalation_step", "severity = 'high' AND valid_to IS NOT NULL") == 4


async def test_nobody_approves_their_own_draft(client: Client, approver: Seat, owner: Any, clinic: Clinic) -> None:
    await approver.post("/steps", data=GOOD | {"save": "1"})
    assert "other than you approves it" in await shown(approver)
    refused = await approver.post("/steps/approve", data={"severity": "high", "version": "2"})
    assert refused.status_code == 409
    assert "a second person has to approve" in refused.text
    assert await count(owner, "escalation_step", "valid_from IS NOT NULL AND valid_to IS NULL AND version = 2") == 0
    admin = await signed_in(client, owner, clinic.world, "admin", "Cy Admin")
    assert (await admin.post("/steps/approve", data={"severity": "high", "version": "2"})).status_code == 303


async def test_only_one_approval_counts_and_a_dropped_draft_cannot_be_approved(
    author: Seat, approver: Seat, owner: Any
) -> None:
    await author.post("/steps", data=GOOD | {"save": "1"})
    both = await asyncio.gather(
        *(approver.post("/steps/approve", data={"severity": "high", "version": "2"}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in both) == [303, 404, 404]
    await author.post("/steps", data=GOOD | {"save": "1", "after_1": "4"})
    assert (await author.post("/steps/drop", data={"severity": "high"})).status_code == 303
    assert (await approver.post("/steps/approve", data={"severity": "high", "version": "3"})).status_code == 404
    assert "a draft that Ada Author dropped" in await shown(author)
    assert "after 3 minutes: backup" in await shown(author)


async def test_saving_again_replaces_the_draft(author: Seat, approver: Seat, owner: Any) -> None:
    await author.post("/steps", data=GOOD | {"save": "1"})
    await author.post("/steps", data=GOOD | {"save": "1", "after_1": "4"})
    assert (await approver.post("/steps/approve", data={"severity": "high", "version": "2"})).status_code == 404
    assert (await approver.post("/steps/approve", data={"severity": "high", "version": "3"})).status_code == 303
    assert "after 4 minutes: backup, by call" in await shown(approver)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"after_0": "2"}, "pages at once"),
        ({"who_1": ["on_shift"], "who_2": ["on_shift"]}, "at least two different people"),
        ({"again": "0"}, "must be repeated"),
        ({"again": "2", "again_unit": "hours"}, "at least every hour"),
        ({"after_2": "3"}, "comes later than the one before"),
        ({"after_2": "3", "unit_2": "hours"}, "within 2 hours"),
        ({"who_1": []}, "Step 2: choose whom to tell"),
        ({"after_1": "soon"}, "is not a time"),
    ],
)
async def test_a_chain_with_a_hole_is_not_saved_and_says_why(
    author: Seat, owner: Any, changes: dict[str, Any], says: str
) -> None:
    refused = await author.post("/steps", data=GOOD | {"save": "1"} | changes)
    assert refused.status_code == 422
    assert says in refused.text
    assert await count(owner, "escalation_step", "drafted_by IS NOT NULL") == 0


async def test_a_team_may_have_steps_of_its_own(
    author: Seat, approver: Seat, owner: Any, clinic: Clinic, worker_db: Database
) -> None:
    team = {"team": str(clinic.world.team)}
    page = await author.get(f"/steps?team={clinic.world.team}")
    assert "has no steps of its own" in page.text
    await author.post("/steps", data=GOOD | team | {"save": "1"})
    await approver.post("/steps/approve", data=team | {"severity": "high", "version": "1"})
    assert "after 3 minutes" in (await author.get(f"/steps?team={clinic.world.team}")).text
    assert "after 3 minutes" not in await shown(author)
    await open_alert(owner, clinic.world, NOW)
    for minute in range(4):
        await tick(worker_db, NOW + minute * MINUTE)
    assert await paged(owner, clinic, NOW, "voice") == [(3, "backup")]


@pytest.mark.parametrize(("role", "looks", "drafts"), [
    ("nurse", 200, 403), ("quality", 403, 403), ("coordinator", 200, 303), ("admin", 200, 303),
])  # fmt: skip
async def test_who_may(client: Client, owner: Any, clinic: Clinic, role: str, looks: int, drafts: int) -> None:
    one = await signed_in(client, owner, clinic.world, role, "Somebody")
    assert (await one.get("/steps")).status_code == looks
    assert (await one.post("/steps", data=GOOD | {"save": "1"})).status_code == drafts
    if role == "coordinator":
        assert (await one.post("/steps/sign", data={"severity": "medium"})).status_code == 403


async def test_another_organizations_steps_are_not_there(
    author: Seat, approver: Seat, clinic: Clinic, owner: Any, other_world: World, worker_db: Database
) -> None:
    await tick(worker_db, datetime.now(UTC))
    assert (await author.get(f"/steps?team={other_world.team}")).status_code == 404
    theirs = {"team": str(other_world.team)}
    assert (await author.post("/steps", data=GOOD | theirs | {"save": "1"})).status_code == 404
    for path in ("approve", "drop", "sign"):
        answer = await approver.post(f"/steps/{path}", data=theirs | {"severity": "high", "version": "1"})
        assert answer.status_code == 404
    their_rows = await owner.fetch(
        "SELECT valid_to, approved_at FROM escalation_step WHERE organization_id = $1", other_world.organization
    )
    assert {tuple(row) for row in their_rows} == {(None, None)}
