"""Only what really went out counts as one of the three texts before a person calls."""

import uuid
from datetime import datetime
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.flows.evaluate import evaluate
from server.outreach import calls_for_gaps
from tests.flows.test_remind import DAY, WORKER, gap, live, rule
from tests.texting import NOON, Phones, phones
from tests.world import World

__all__ = ["phones"]
CALLS = "SELECT count(*) FROM task WHERE kind = 'call_for_gap'"


@pytest.mark.parametrize("state", ["trial", "shadow"])
async def test_what_a_trial_withheld_is_none_of_the_three_texts_and_calls_nobody(
    worker_db: Database, phones: Phones, world: World, owner: Any, state: str
) -> None:
    await rule(owner, world, measure="CMS125", after=10)
    await gap(owner, world)
    await owner.execute("UPDATE organization SET state = $1, trial_numbers = '{}'", state)
    await live(worker_db, phones, NOON - 85 * DAY, NOON - 41 * DAY, DAY)
    assert await owner.fetchval("SELECT count(*) FROM touch") == 5
    assert await owner.fetchval(CALLS) == 0
    assert phones.texts() == []
    await owner.execute("UPDATE organization SET state = 'live'")
    await live(worker_db, phones, NOON - 40 * DAY, NOON, DAY)
    assert len(phones.texts()) == 3
    assert await owner.fetchval(CALLS) == 1


COUNTS = ("withheld", False), ("suppressed", False), ("failed", False), ("unknown", True), ("delivered", True)


@pytest.mark.parametrize(("status", "counts"), COUNTS)
async def test_what_may_have_been_sent_counts_and_what_was_not_does_not(
    worker_db: Database, phones: Phones, world: World, owner: Any, status: str, *, counts: bool
) -> None:
    await rule(owner, world, measure="CMS125", after=10)
    await gap(owner, world)
    await live(worker_db, phones, NOON - 35 * DAY, NOON - 12 * DAY, DAY)
    assert len(phones.texts()) == 3
    await owner.execute("UPDATE message SET status = $1", status)
    await live(worker_db, phones, NOON - DAY, NOON, DAY)
    assert (await owner.fetchval(CALLS), len(phones.texts())) == ((1, 3) if counts else (0, 4))


CLOSED = "SELECT closed_by, outcome, note, closed_at IS NULL AS open FROM task WHERE kind = 'call_for_gap'"


async def call(owner: Any, world: World, about: uuid.UUID) -> None:
    await owner.execute(
        """INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on)
           VALUES ($1, $2, $3, 'call_for_gap', $4, 'Call them.', $5, $5::timestamptz::date)""",
        uuid7(), world.organization, world.patient, str(about), NOON,
    )  # fmt: skip


async def sweep(worker_db: Database, now: datetime) -> None:
    async with worker_db.transaction(WORKER) as db:
        await calls_for_gaps.close_moot(db, WORKER.principal, now)


async def test_a_call_that_a_trial_opened_closes_itself_and_comes_when_three_texts_went_out(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, measure="CMS125", after=10)
    about = await gap(owner, world)
    await owner.execute("UPDATE organization SET state = 'trial', trial_numbers = '{}'")
    await live(worker_db, phones, NOON - 85 * DAY, NOON - 41 * DAY, DAY)
    await call(owner, world, about)
    await sweep(worker_db, NOON - 41 * DAY)
    assert tuple(await owner.fetchrow(CLOSED)) == (
        "service:worker", "not_needed", calls_for_gaps.NEVER_ASKED, False,
    )  # fmt: skip
    await owner.execute("UPDATE organization SET state = 'live'")
    await live(worker_db, phones, NOON - 40 * DAY, NOON, DAY)
    await sweep(worker_db, NOON)
    assert (len(phones.texts()), await owner.fetchval(f"{CALLS} AND closed_at IS NULL")) == (3, 1)


@pytest.mark.parametrize(
    ("status", "taken", "stays"),
    [
        ("closed", False, False), ("excluded", False, False), ("closed", True, True), ("open", False, True),
        ("awaiting_evidence", False, True),
    ],
)  # fmt: skip
async def test_a_call_about_a_gap_that_is_no_more_closes_itself_unless_somebody_has_taken_it(
    worker_db: Database, world: World, owner: Any, status: str, *, taken: bool, stays: bool
) -> None:
    about = await gap(owner, world)
    await call(owner, world, about)
    await owner.execute("UPDATE gap SET status = $1", status)
    await owner.execute("UPDATE task SET taken_by = $1", world.nurse if taken else None)
    await evaluate(worker_db, WORKER, NOON)
    closed = (await owner.fetchrow(CLOSED))["note"]
    assert closed == (None if stays else calls_for_gaps.DONE)
