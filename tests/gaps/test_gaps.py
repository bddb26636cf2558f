"""Gaps open and close by evidence, however often and by whomever they are evaluated."""

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.flows.evaluate import evaluate
from server.gaps import gaps, reports
from server.gaps.evidence import NewEvidence
from tests.texting import WORKER
from tests.world import World

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


async def standing(owner: Any) -> dict[str, str]:
    rows = await owner.fetch("SELECT measure, status FROM gap ORDER BY measure, period_start")
    return {row["measure"]: row["status"] for row in rows}


def new(world: World, kind: str, done_on: date) -> NewEvidence:
    return NewEvidence(
        organization_id=world.organization, patient_id=world.patient, kind=kind, done_on=done_on, source="letter", author="test"
    )  # fmt: skip


async def record(web_db: Database, world: World, kind: str, done_on: date) -> list[uuid.UUID] | None:
    async with web_db.transaction(Who(principal="staff:test", organization=world.organization)) as db:
        return await gaps.record_evidence(db, new(world, kind, done_on), NOW)


async def test_what_is_missing_opens_once_however_often_it_is_evaluated(
    worker_db: Database, world: World, owner: Any
) -> None:
    changed = await asyncio.gather(*(evaluate(worker_db, WORKER, NOW) for _ in range(4)))
    assert sum(changed) == 2
    assert await standing(owner) == {"CMS125": "open", "CMS130": "open"}
    row = await owner.fetchrow("SELECT period_start, period_end, last_done_on FROM gap WHERE measure = 'CMS125'")
    assert tuple(row) == (date(2026, 1, 1), date(2026, 12, 31), None)


async def test_evidence_closes_its_gap_and_no_other(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, NOW)
    [closed] = await record(web_db, world, "mammogram", date(2025, 5, 5)) or []
    assert await standing(owner) == {"CMS125": "closed", "CMS130": "open"}
    row = await owner.fetchrow(
        "SELECT g.last_done_on, e.kind FROM gap g JOIN evidence e ON e.id = g.evidence_id WHERE g.id = $1", closed
    )
    assert tuple(row) == (date(2025, 5, 5), "mammogram")
    assert await record(web_db, world, "mammogram", date(2025, 5, 5)) is None


async def test_evidence_that_is_too_old_closes_nothing(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, NOW)
    assert await record(web_db, world, "mammogram", date(2024, 9, 30)) == []
    assert (await standing(owner))["CMS125"] == "open"


async def test_a_reported_gap_waits_through_evaluations_until_evidence_comes(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, NOW)
    made = await owner.fetchval("SELECT id FROM gap WHERE measure = 'CMS130'")
    async with worker_db.transaction(WORKER) as db:
        assert await reports.report_done(db, world.patient, made, NOW)
    await evaluate(worker_db, WORKER, NOW + timedelta(days=9))
    assert (await standing(owner))["CMS130"] == "awaiting_evidence"
    await record(web_db, world, "colonoscopy", date(2026, 6, 1))
    assert (await standing(owner))["CMS130"] == "closed"


async def test_who_leaves_the_population_is_excluded_and_comes_back_when_it_was_a_mistake(
    worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, NOW)
    await owner.execute("UPDATE patient SET birth_date = '1990-01-01'")
    await evaluate(worker_db, WORKER, NOW)
    assert await standing(owner) == {"CMS125": "excluded", "CMS130": "excluded"}
    await owner.execute("UPDATE patient SET birth_date = '1960-01-01'")
    await evaluate(worker_db, WORKER, NOW)
    assert await standing(owner) == {"CMS125": "open", "CMS130": "open"}


async def test_a_new_year_begins_on_the_patients_own_clock(worker_db: Database, world: World, owner: Any) -> None:
    await evaluate(worker_db, WORKER, datetime(2027, 1, 1, 4, 59, tzinfo=UTC))  # 23:59 of 31 December in New York
    starts = "SELECT array_agg(DISTINCT period_start) FROM gap WHERE measure LIKE 'CMS%'"
    assert await owner.fetchval(starts) == [date(2026, 1, 1)]
    await evaluate(worker_db, WORKER, datetime(2027, 1, 1, 5, 0, tzinfo=UTC))
    assert await owner.fetchval("SELECT count(*) FROM gap WHERE period_start = '2027-01-01'") == 2


async def withdraw(web_db: Database, world: World, kind: str) -> str | None:
    async with web_db.transaction(Who(principal="staff:test", organization=world.organization)) as db:
        wrong = await db.fetchval("SELECT id FROM evidence WHERE kind = $1", kind)
        return await gaps.withdraw_evidence(db, world.patient, wrong, "staff:test", NOW)


async def test_what_was_entered_in_error_opens_its_gap_again_unless_something_else_closes_it(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, NOW)
    await record(web_db, world, "colonoscopy", date(2020, 5, 5))
    await record(web_db, world, "fobt", date(2026, 2, 2))
    assert await withdraw(web_db, world, "colonoscopy") == "colonoscopy"
    assert (await standing(owner))["CMS130"] == "closed"
    by = "SELECT e.kind FROM gap g JOIN evidence e ON e.id = g.evidence_id WHERE g.measure = 'CMS130'"
    assert await owner.fetchval(by) == "fobt"
    assert await withdraw(web_db, world, "fobt") == "fobt"
    assert await withdraw(web_db, world, "fobt") is None
    assert (await standing(owner))["CMS130"] == "open"
    assert await owner.fetchval("SELECT last_done_on IS NULL AND closed_at IS NULL FROM gap WHERE measure = 'CMS130'")
    assert await record(web_db, world, "fobt", date(2026, 2, 2)) != []
    assert (await standing(owner))["CMS130"] == "closed"


async def test_an_exclusion_entered_in_error_is_asked_for_again(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await record(web_db, world, "colorectal_cancer", date(2020, 5, 5))
    assert "CMS130" not in await standing(owner)
    await withdraw(web_db, world, "colorectal_cancer")
    assert (await standing(owner))["CMS130"] == "open"


async def test_influenza_is_asked_for_in_its_season_alone(worker_db: Database, world: World, owner: Any) -> None:
    await evaluate(worker_db, WORKER, datetime(2026, 8, 31, 12, tzinfo=UTC))
    assert "influenza" not in await standing(owner)
    await evaluate(worker_db, WORKER, datetime(2026, 9, 1, 12, tzinfo=UTC))
    await evaluate(worker_db, WORKER, datetime(2027, 1, 2, 12, tzinfo=UTC))
    rows = await owner.fetch("SELECT period_start, period_end FROM gap WHERE measure = 'influenza'")
    assert [tuple(row) for row in rows] == [(date(2026, 9, 1), date(2027, 3, 31))]


async def test_a_vaccination_entered_in_error_asks_again_even_when_the_season_is_over(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await evaluate(worker_db, WORKER, datetime(2025, 11, 1, 12, tzinfo=UTC))
    await record(web_db, world, "influenza_vaccination", date(2025, 11, 2))
    assert (await standing(owner))["influenza"] == "closed"
    await withdraw(web_db, world, "influenza_vaccination")
    assert (await standing(owner))["influenza"] == "open"


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_of_any_size_reach_everybody(
    worker_db: Database, world: World, other_world: World, owner: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(gaps, "PAGE_SIZE", size)
    assert await evaluate(worker_db, WORKER, NOW) == 4


async def test_an_organization_cannot_record_evidence_for_anothers_patient(
    web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    import asyncpg

    with pytest.raises((asyncpg.ForeignKeyViolationError, asyncpg.InsufficientPrivilegeError)):
        async with web_db.transaction(Who(principal="staff:test", organization=other_world.organization)) as db:
            foreign = NewEvidence(
                organization_id=other_world.organization, patient_id=world.patient, kind="mammogram", done_on=date(2026, 1, 1),
                source="letter", author="test",
            )  # fmt: skip
            await gaps.record_evidence(db, foreign, NOW)
    assert await owner.fetchval("SELECT count(*) FROM evidence") == 0
