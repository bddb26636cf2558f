"""A worker compares each draft once; one that broke says so and ends nothing; one whose worker died is taken over."""

import asyncio
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.flows import compare_rule
from server.monitoring import backtest, rule_drafts
from server.monitoring.rule_drafts import Draft
from server.security.sessions import Person
from server.settings import Settings
from tests.flows.test_change_rule import drafted, nurse
from tests.flows.test_reading import count
from tests.web.people import reading
from tests.world import World

__all__ = ["nurse"]
WORKER = Who(principal="service:worker")
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def clock() -> datetime:
    return NOW


async def found(web_db: Database, person: Person, draft: uuid.UUID) -> Draft:
    async with web_db.transaction(person.who) as db:
        one = await rule_drafts.get(db, draft)
    assert one is not None
    return one


async def test_it_says_who_would_have_been_missed_and_who_would_be_new(
    web_db: Database, worker_db: Database, owner: Any, world: World, nurse: Person
) -> None:
    for days, systolic in ((40, 185), (30, 195), (20, 172), (10, 130)):
        await reading(owner, world, systolic, 80, NOW - days * DAY)
    strict = await drafted(web_db, nurse, world.rules["bp_high"], "170", compared=False)
    lax = await drafted(web_db, nurse, world.rules["bp_high"], "190", compared=False)
    assert await compare_rule.compare_waiting(worker_db, WORKER, clock) == 2
    assert await compare_rule.compare_waiting(worker_db, WORKER, clock) == 0
    one, other = (await found(web_db, nurse, strict)).comparison, (await found(web_db, nurse, lax)).comparison
    assert one is not None and other is not None
    assert ([x.alerts for x in one.new], one.missed, one.readings, one.patients) == ([1], [], 4, 1)
    assert ([x.patient for x in other.missed], other.new) == ([world.patient], [])
    assert (other.missed[0].alerts, other.missed[0].high) == (1, 1)
    assert sum(week.before for week in one.weeks) == 2
    assert sum(week.after for week in one.weeks) == 3
    assert await count(owner, "finding") == await count(owner, "alert") == 0, "nothing but the draft was written"


async def test_two_workers_compare_a_draft_once_and_a_dead_ones_is_taken_over(
    web_db: Database, worker_db: Database, owner: Any, world: World, nurse: Person
) -> None:
    made = await drafted(web_db, nurse, world.rules["bp_high"], compared=False)
    async with worker_db.transaction(WORKER) as db:
        assert await rule_drafts.claim(db, NOW) is not None  # and then it is killed
    assert await compare_rule.compare_waiting(worker_db, WORKER, clock) == 0
    later = NOW + rule_drafts.FOLLOWED_AFTER + timedelta(seconds=1)
    both = await asyncio.gather(
        *(compare_rule.compare_waiting(worker_db, WORKER, lambda: later) for _ in range(2))
    )  # fmt: skip
    print(f"{sum(both)} comparisons by {len(both)} workers")
    assert sum(both) == 1
    assert (await found(web_db, nurse, made)).compared_at == later


async def test_a_comparison_that_breaks_says_so_and_the_worker_lives(
    web_db: Database, worker_db: Database, world: World, nurse: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(backtest, "compare", broken)
    made = await drafted(web_db, nurse, world.rules["bp_high"], compared=False)
    assert await compare_rule.compare_waiting(worker_db, WORKER, clock) == 1
    comparison = (await found(web_db, nurse, made)).comparison
    assert comparison is not None
    assert comparison.failed


async def test_while_postgres_is_away_nothing_is_said_to_have_failed(
    web_db: Database, worker_db: Database, world: World, nurse: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(backtest, "compare", away)
    made = await drafted(web_db, nurse, world.rules["bp_high"], compared=False)
    with pytest.raises(ConnectionError):
        await compare_rule.compare_waiting(worker_db, WORKER, clock)
    assert (await found(web_db, nurse, made)).compared_at is None


async def test_it_is_done_aside_so_that_escalation_goes_on_and_stops_when_told(
    web_db: Database, worker_db: Database, settings: Settings, owner: Any, world: World, nurse: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url, threads, compare = settings.url_for("worker"), [], backtest.compare

    async def noted(*given: Any) -> backtest.Comparison:
        threads.append(threading.current_thread())
        return await compare(*given)

    monkeypatch.setattr(backtest, "compare", noted)
    await reading(owner, world, 172, 80, NOW - DAY)
    made = await drafted(web_db, nurse, world.rules["bp_high"], compared=False)
    assert await compare_rule.compare_due(worker_db, url, WORKER, clock, lambda: True) == 0
    assert (await found(web_db, nurse, made)).comparison is None
    later = NOW + rule_drafts.FOLLOWED_AFTER + timedelta(seconds=1)
    assert await compare_rule.compare_due(worker_db, url, WORKER, lambda: later, lambda: False) == 1
    assert (await found(web_db, nurse, made)).compared_at == later
    assert len(threads) == 2
    assert threading.main_thread() not in threads, "months of readings were judged where pages wait"
