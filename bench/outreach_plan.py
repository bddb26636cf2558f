"""What planning costs beyond writing it down: 100 000 measurement reminders beside a bare insert of the same rows."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import msgspec

from server.db import migrate, pool
from server.db.pool import Database, Db, Who
from server.ops.embedded import postgres
from server.ops.embedded.keeper import kept
from server.outreach import planning, slots_measurement
from server.settings import as_role
from tests.flows.measured import expect
from tests.world import World, make_world

SECRET = "bench-secret-key-0123456789abcdef-0123456789"
NOW = datetime(2026, 11, 18, 15, 45, tzinfo=UTC)  # ten o'clock is in sight in each of these zones
ZONES = ["America/New_York", "America/Chicago", "America/Denver"]
WORKER = Who(principal="service:worker")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """So many patients are due; for every five of them, two more are not."""

    due: int = 100_000
    rounds: int = 5


QUICK = Asked(due=2_000, rounds=2)

Say = Callable[[str], None]

# Of seven patients the sixth measured yesterday and the seventh lives where it is not ten o'clock or is away.
PATIENTS = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         phone, phone_hash, monitoring_status, admitted_at)
    SELECT gen_random_uuid(), $1, $2, $3, 'B' || k, 'Pat', 'Bench', '1960-05-04', 'female',
           CASE WHEN k % 14 = 6 THEN 'Asia/Kathmandu' ELSE ($4::text[])[1 + k % 3] END, '+1' || 2000000000 + k,
           sha256(k::text::bytea), CASE WHEN k % 14 = 13 THEN 'paused' ELSE 'active' END, '2024-01-01'
      FROM generate_series(0, $5::int - 1) AS k
"""
ENROLLED = """
    INSERT INTO enrolment SELECT gen_random_uuid(), organization_id, id, $1, '2025-01-01', NULL
      FROM patient WHERE mrn LIKE 'B%'
"""
# Everybody measured some days ago; some again yesterday.
READINGS = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
                         source, systolic_mmhg, diastolic_mmhg, judged_with)
    SELECT gen_random_uuid(), p.organization_id, p.id, 'blood_pressure', d.at, p.zone, d.at::date, 'device', d.at,
           'device', 120, 80, 'bench'
      FROM patient p
     CROSS JOIN generate_series(1, 7) AS k
     CROSS JOIN LATERAL (SELECT $1::timestamptz - k * interval '1 day' AS at) AS d
     WHERE p.mrn LIKE 'B%' AND (k > 3 OR substr(p.mrn, 2)::int % 7 = 5)
"""
RULE = """
    INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, after_days, local_hour)
    VALUES (gen_random_uuid(), $1, 'bench', 'measurement', $2, 3, 10)
"""
KEEP = "CREATE TABLE bench_reminder AS SELECT * FROM reminder"
EMPTY = "TRUNCATE reminder"
BARE = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
    SELECT id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at FROM bench_reminder
"""


async def measure(folder: Path, asked: Asked, say: Say) -> dict[str, Any]:
    """{"plan_100k_over_bare_insert": …}: seconds over seconds, each round by itself, then the median."""
    async with _clinic(folder, asked) as (owner, worker):
        say(f"planning {asked.due:,} reminders of {asked.due * 7 // 5:,} patients, beside a bare insert of the rows")
        plan, bare = [], []
        for number in range(asked.rounds + 1):  # the first warms both up, and leaves the rows of the bare insert
            seconds = await _timed(owner, worker, _plan, asked.due)
            if number == 0:
                await owner.execute(KEEP)
                await owner.execute("GRANT SELECT ON bench_reminder TO careloop_worker; ANALYZE bench_reminder")
            beside = await _timed(owner, worker, _bare, asked.due)
            if number:
                plan.append(seconds)
                bare.append(beside)
    ratio = median(one / other for one, other in zip(plan, bare, strict=True))
    of = {"planned_a_second": plan, "inserted_a_second": bare}
    rates = {name: [round(asked.due / one) for one in seconds] for name, seconds in of.items()}
    return {"plan_100k_over_bare_insert": {"value": round(ratio, 3), "of": rates}}


async def _timed(owner: Any, worker: Database, what: Callable[[Db], Awaitable[str]], rows: int) -> float:
    """Into an empty ledger, to the end of the commit."""
    await owner.execute(EMPTY)
    await owner.execute("VACUUM ANALYZE patient")  # each round locks every patient: the next begins as the first did
    await owner.execute("CHECKPOINT")
    started = time.perf_counter()
    async with worker.transaction(WORKER) as db:
        said = await what(db)
    seconds = time.perf_counter() - started
    if said != f"INSERT 0 {rows}":
        raise ValueError(f"{said}, and {rows} are due")
    return seconds


async def _plan(db: Db) -> str:
    return await slots_measurement.plan(db, NOW, planning.CATCH_UP, planning.LOOK_AHEAD, planning.AT_ONCE)


async def _bare(db: Db) -> str:
    said: str = await db.execute(BARE)
    return said


@asynccontextmanager
async def _clinic(folder: Path, asked: Asked) -> AsyncIterator[tuple[Any, Database]]:
    """The owner's connection and the worker's database of a server of their own, with full durability."""
    async with kept(partial(postgres.start, folder / "postgres"), "PostgreSQL", lambda _: None) as server:
        await migrate.migrate(server.url, SECRET, NOW)
        owner = await asyncpg.connect(server.url)
        worker = await pool.connect(as_role(server.url, "worker", SECRET), name="bench", size=1)
        try:
            await postgres.assert_durable(owner)
            await _people(owner, await make_world(owner, "Aspen"), asked.due * 7 // 5)
            yield owner, worker
        finally:
            await worker.close()
            await owner.close()


async def _people(owner: Any, world: World, count: int) -> None:
    await owner.execute("UPDATE patient SET monitoring_status = 'left'")
    await owner.execute(PATIENTS, world.organization, world.clinic, world.team, ZONES, count)
    await owner.execute(ENROLLED, world.programme)
    await owner.execute(READINGS, NOW)
    await owner.execute(RULE, world.organization, world.programme)
    await expect(owner, world, "blood_pressure", (6, 10), (18, 22))  # as the shipped programme of hypertension does
    await owner.execute("VACUUM ANALYZE")
