"""Only what really went out counts as one of the three texts before a person calls."""

from typing import Any

import pytest

from server.db.pool import Database
from tests.flows.test_remind import DAY, gap, live, rule
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
