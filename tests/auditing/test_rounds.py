"""Each thing that can fall through is taken out once, and the auditor says so; and it says nothing when nothing is."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from server import bridge, worker
from server.auditing import beats, rounds, runs, standing
from server.auditing.banner import banner
from server.auditing.rounds import SUBJECTS
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import missing
from server.settings import Settings
from server.web.careteam import system
from tests.flows.test_reading import bp, publish, send
from tests.texting import until
from tests.world import World, lend_device

AUDITOR, WORKER = Who(principal="service:auditor"), Who(principal="service:worker")
BEGUN = datetime.now(UTC)
CAME = BEGUN + timedelta(seconds=1)
TAKEN = "UPDATE alert a SET status = 'acknowledged', acknowledged_by = (SELECT min(s.id::text)::uuid FROM staff s WHERE s.organization_id = a.organization_id)"  # fmt: skip
BEATING = "INSERT INTO heartbeat SELECT n.*, $1 FROM (VALUES ('bridge', '1', 'ingest'), ('worker', '1', 'escalate'), ('worker', '1', 'sealer')) AS n ON CONFLICT (process, instance, loop) DO UPDATE SET beat_at = excluded.beat_at"  # fmt: skip


async def look(auditor_db: Database, owner: Any, now: datetime, *, beating: bool = True) -> set[str]:
    """The subjects of the alarms that stand after a round at that time; somebody took those from before."""
    await owner.execute("UPDATE alarm SET status = 'acknowledged' WHERE status = 'open'")
    if beating:
        await owner.execute(BEATING, now)
    behind = True
    while behind:
        async with auditor_db.transaction(AUDITOR) as db:
            behind = (await rounds.look(db, now)).behind
    rows = await owner.fetch("SELECT subject FROM alarm WHERE kind = 'audit_mismatch' AND status <> 'resolved'")
    return {row["subject"] for row in rows}


async def a_day(world: World, owner: Any, bridge_db: Database, auditor_db: Database) -> None:
    """The audit has begun; then a crisis came and its page left, a usual reading, and a message nobody can read."""
    await look(auditor_db, owner, BEGUN)
    await send(bridge_db, publish(world, bp(1, 192, 124, at=CAME), bp(2, 120, at=CAME)), now=CAME)
    await send(bridge_db, publish(world, b"garbage"), now=CAME)
    await owner.execute("UPDATE message SET status = 'delivered'")
    await taken(owner)


async def taken(owner: Any) -> None:
    """Somebody took every alert: without a worker nobody climbs here."""
    await owner.execute(TAKEN)


SABOTAGES: dict[str, tuple[str, str]] = {
    "reading_without_finding": ("DELETE FROM finding_evidence", "DELETE FROM finding"),
    "finding_without_alert": ("DELETE FROM alert", "SELECT 1"),
    "alert_without_finding": ("UPDATE finding SET alert_id = NULL", "SELECT 1"),
    "alert_closed_by_nobody": ("UPDATE alert SET status = 'resolved', acknowledged_by = NULL", "SELECT 1"),
    "finding_without_crossing": ("UPDATE finding SET limit_value = 500", "SELECT 1"),
    "alert_without_page": ("DELETE FROM message", "SELECT 1"),
    "arrival_without_row": ("DELETE FROM reading WHERE systolic_mmhg = 120", "SELECT 1"),
    "reading_without_arrival": ("DELETE FROM arrival WHERE seq = 2", "SELECT 1"),
}


@pytest.mark.parametrize("kind", SABOTAGES)
async def test_a_row_that_is_missing_is_a_high_alarm(
    kind: str, world: World, other_world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    assert await look(auditor_db, owner, CAME + timedelta(seconds=70)) == set()
    await owner.execute("SET session_replication_role = replica")  # as a damaged disk would: no key is asked
    for statement in SABOTAGES[kind]:
        await owner.execute(statement)
    assert SUBJECTS[kind] in await look(auditor_db, owner, CAME + timedelta(seconds=90))
    alarm = await owner.fetchrow("SELECT * FROM alarm WHERE kind = 'audit_mismatch' AND subject = $1", SUBJECTS[kind])
    assert (alarm["severity"], alarm["organization_id"]) == ("high", world.organization)
    assert alarm["says"].startswith("1 ")
    # However long ago it came: what is missing is still missing.
    assert SUBJECTS[kind] in await look(auditor_db, owner, CAME + timedelta(minutes=30))


async def test_a_quarantined_message_that_is_gone_is_noticed(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("DELETE FROM quarantine")
    assert await look(auditor_db, owner, CAME + timedelta(seconds=20)) == {SUBJECTS["arrival_without_row"]}


async def test_it_closes_itself_when_it_holds_again(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("CREATE TABLE aside AS SELECT * FROM finding")
    await owner.execute("DELETE FROM finding_evidence")
    await owner.execute("DELETE FROM finding")
    lost = {SUBJECTS["reading_without_finding"], SUBJECTS["alert_without_finding"]}
    assert await look(auditor_db, owner, CAME + timedelta(seconds=20)) == lost
    await owner.execute("INSERT INTO finding SELECT * FROM aside")
    assert await look(auditor_db, owner, CAME + timedelta(seconds=50)) == set()


async def test_a_finding_less_severe_than_the_reading_is_no_finding(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("UPDATE finding SET severity = 'low'")
    assert SUBJECTS["reading_without_finding"] in await look(auditor_db, owner, CAME + timedelta(seconds=20))


async def test_what_a_person_resolved_is_not_told_again(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("DELETE FROM arrival WHERE seq = 2")
    at = CAME + timedelta(seconds=20)
    assert await look(auditor_db, owner, at) == {SUBJECTS["reading_without_arrival"]}
    await owner.execute("UPDATE alarm SET status = 'resolved', resolved_at = $1, resolved_by = $2", at, world.nurse)
    assert await look(auditor_db, owner, at + timedelta(seconds=30)) == set()
    assert await look(auditor_db, owner, at + timedelta(hours=1)) == set()


async def test_texts_that_do_not_leave_are_noticed(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("UPDATE message SET status = 'queued'")
    assert await look(auditor_db, owner, CAME + timedelta(seconds=50)) == set()
    assert await look(auditor_db, owner, CAME + timedelta(seconds=70)) == {SUBJECTS["outbox"]}
    await owner.execute("UPDATE message SET status = 'sending', claimed_at = $1", CAME)
    assert await look(auditor_db, owner, CAME + timedelta(seconds=180)) == {SUBJECTS["outbox"]}
    await owner.execute("UPDATE message SET status = 'delivered'")
    assert await look(auditor_db, owner, CAME + timedelta(seconds=210)) == set()


async def test_a_hole_in_the_numbers_that_nobody_was_told_of_is_noticed(
    world: World, owner: Any, bridge_db: Database, worker_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await send(bridge_db, publish(world, bp(5, 120, at=CAME)), now=CAME)
    late = CAME + timedelta(minutes=7)
    assert await look(auditor_db, owner, late) == {SUBJECTS["sequence_gap"]}
    await missing.watch(worker_db, WORKER, late)
    assert await look(auditor_db, owner, late + timedelta(minutes=4)) == set()
    await owner.execute("DELETE FROM alarm WHERE kind = 'sequence_gap'")
    assert await look(auditor_db, owner, late + timedelta(minutes=5)) == {SUBJECTS["sequence_gap"]}


@pytest.mark.slow
async def test_quarantine_nobody_looks_at_a_missing_month_and_a_silent_loop_are_noticed(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    assert await look(auditor_db, owner, CAME + timedelta(hours=25)) == {SUBJECTS["quarantine"]}
    await owner.execute("UPDATE quarantine SET purged_at = $1", CAME)
    at = CAME + timedelta(hours=26)
    following = (at.replace(day=1) + timedelta(days=32)).strftime("reading_%Y_%m")
    await owner.execute(f"ALTER TABLE reading DETACH PARTITION {following}")
    assert await look(auditor_db, owner, at) == {SUBJECTS["partition"]}
    silent = await look(auditor_db, owner, at + timedelta(seconds=31), beating=False)
    assert silent == {SUBJECTS["partition"], SUBJECTS["stalled"]}
    await owner.execute(BEATING, at + timedelta(seconds=60))
    await owner.execute("UPDATE heartbeat SET loop = 'ingest_without_broker' WHERE process = 'bridge'")
    deaf = await look(auditor_db, owner, at + timedelta(seconds=61), beating=False)
    assert SUBJECTS["stalled"] in deaf


def anything(chance: random.Random, at: datetime) -> dict[str, Any]:
    """A reading at or near a limit, or a meter's HI or LO."""
    shown: Callable[[], dict[str, Any]] = chance.choice(
        [
            lambda: {"kind": "blood_pressure", "systolic": chance.choice((88, 90, 120, 165, 179, 180, 181)),
                     "diastolic": chance.choice((60, 80)), "pulse": 71},
            lambda: {"kind": "glucose", "glucose": chance.choice((53, 54, 69, 70, 250, 251, 399, 400, "HI", "LO"))},
            lambda: {"kind": "spo2", "spo2": chance.choice((91, 92, 93, 94, 95))},
        ]
    )  # fmt: skip
    return {"measured_at": at.isoformat(), **shown()}


async def own_limit(owner: Any, world: World, value: int, since: datetime) -> None:
    await owner.execute(
        "INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author, reason,"
        " valid_from) VALUES ($1, $2, $3, $4, 'systolic_mmhg', 'at_or_above', 'high', $5, 'test', 'test', $6)",
        uuid7(), world.organization, world.patient, world.rules["bp_high"], value, since,
    )  # fmt: skip


async def test_it_finds_every_lost_finding_and_no_other(
    world: World, other_world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    chance = random.Random(20261122)
    await own_limit(owner, world, 160, BEGUN - timedelta(days=9))
    await own_limit(owner, other_world, 190, BEGUN - timedelta(days=9))
    devices = []
    for each in (world, other_world):
        made, _ = await lend_device(
            owner, each.organization, each.patient, BEGUN - timedelta(days=9), ("blood_pressure", "glucose", "spo2")
        )
        devices.append(made)
    await look(auditor_db, owner, BEGUN)
    for number in range(1, 301):
        ages = (timedelta(0), timedelta(hours=3), timedelta(days=2))
        entry = {"seq": number, **anything(chance, CAME - chance.choice(ages) - timedelta(seconds=number))}
        await send(bridge_db, publish(world, entry, sender=chance.choice(devices)), now=CAME)
    await owner.execute("UPDATE message SET status = 'delivered'")
    await taken(owner)
    await owner.execute("UPDATE sequence_state SET through = highest")
    assert await look(auditor_db, owner, CAME + timedelta(seconds=90)) == set()
    stored, found = (
        await owner.fetchval("SELECT count(*) FROM reading"),
        await owner.fetch("SELECT DISTINCT anchor FROM finding ORDER BY anchor"),
    )
    own = await owner.fetch("SELECT anchor FROM finding WHERE metric = 'systolic_mmhg' AND value BETWEEN 160 AND 179")
    lost = sorted({*chance.sample([row["anchor"] for row in found], 20), *(row["anchor"] for row in own[:5])})
    assert len(own) >= 5
    await owner.execute("DELETE FROM finding_evidence WHERE reading_id::text = ANY($1)", lost)
    await owner.execute("DELETE FROM finding WHERE anchor = ANY($1)", lost)
    await look(auditor_db, owner, CAME + timedelta(seconds=110))
    noticed = await owner.fetch("SELECT key FROM audit_mismatch WHERE kind = 'reading_without_finding'")
    print(f"seed 20261122: {len(noticed)} of {len(lost)} lost findings noticed; 0 of {stored} readings doubted before")
    assert stored >= 290
    assert len(found) > 80
    assert sorted(row["key"] for row in noticed) == lost


async def test_every_loop_of_ours_is_listened_for_and_beats_often(settings: Settings, worker_db: Database) -> None:
    stop, bell = asyncio.Event(), asyncio.Event()
    every = {loop.name: loop.every for loop in worker.loops(settings, worker_db, stop, bell, bell)}
    watched = {one.loop: one for one in standing.LOOPS if one.process == "worker"}
    assert every.keys() == watched.keys()
    assert {loop for process, loop in system.WORK if process == "worker"} == every.keys()
    assert all(every[name] <= 10 for name, one in watched.items() if one.required)
    tick = settings.tick_seconds
    least = {"beats": 10, "patience": 30, "slow": max(2 * tick, 30), "unhurried": 3600}
    assert all(every[name] <= least[one.often] for name, one in watched.items())


async def test_the_bridge_beats_under_the_name_that_is_listened_for(worker_db: Database, owner: Any) -> None:
    session: Any = SimpleNamespace(connected=asyncio.Event())
    stop = asyncio.Event()
    session.connected.set()
    beating = asyncio.create_task(bridge._pulse(worker_db, session, stop))
    await until(lambda: owner.fetchval("SELECT count(*) FROM heartbeat WHERE process = 'bridge'"), 10)
    stop.set()
    await beating
    heard = {row["loop"] for row in await owner.fetch("SELECT loop FROM heartbeat WHERE process = 'bridge'")}
    assert heard == {one.loop for one in standing.LOOPS if one.process == "bridge"}


async def test_what_can_wait_and_stands_still_pages_nobody_at_night(
    world: World, owner: Any, auditor_db: Database
) -> None:
    for loop in ("safety", "gaps"):
        await owner.execute("INSERT INTO heartbeat VALUES ('worker', '1', $1, $2)", loop, BEGUN)
    assert await look(auditor_db, owner, BEGUN + timedelta(seconds=29)) == set()
    assert await look(auditor_db, owner, BEGUN + timedelta(seconds=31)) == {SUBJECTS["stalled"]}
    await owner.execute("DELETE FROM heartbeat WHERE loop = 'safety'")
    assert await look(auditor_db, owner, BEGUN + timedelta(hours=2)) == set()
    assert await look(auditor_db, owner, BEGUN + timedelta(hours=4)) == {SUBJECTS["stalled_unhurried"]}
    assert await owner.fetchval("SELECT severity FROM alarm WHERE status <> 'resolved'") == "medium"


async def test_resolving_its_alarm_does_not_make_a_fault_look_healthy(
    world: World, owner: Any, auditor_db: Database, web_db: Database
) -> None:
    assert await looks_well(owner, auditor_db, web_db, world, BEGUN)
    at = BEGUN + timedelta(minutes=5)
    await look(auditor_db, owner, at, beating=False)
    assert not await looks_well(owner, auditor_db, web_db, world, at)
    await owner.execute("UPDATE alarm SET status = 'resolved', resolved_at = $1, resolved_by = $2", at, world.nurse)
    for later in (timedelta(seconds=1), timedelta(seconds=30), timedelta(minutes=10)):
        assert await look(auditor_db, owner, at + later, beating=False) == set()
        assert not await looks_well(owner, auditor_db, web_db, world, at + later)
    assert await look(auditor_db, owner, at + timedelta(minutes=11)) == set()
    assert await looks_well(owner, auditor_db, web_db, world, at + timedelta(minutes=11))


async def looks_well(owner: Any, auditor_db: Database, web_db: Database, world: World, now: datetime) -> bool:
    """No banner, and somebody outside is told that all is well; a round and a test reading were just made."""
    await owner.execute("DELETE FROM canary_run")
    await owner.execute("INSERT INTO canary_run (organization_id, started_at, finished_at) SELECT id, $1, $1 FROM organization", now)  # fmt: skip
    async with auditor_db.transaction(AUDITOR) as db:
        await beats.beat(db, "auditor", "1", "rounds", now, now + timedelta(minutes=1))
        outside = await runs.all_well(db, now - timedelta(seconds=1), now - timedelta(seconds=1))
    async with web_db.transaction(Who(principal=f"staff:{world.nurse}", organization=world.organization)) as db:
        shown = await banner(db, now)
    assert outside == (shown is None)
    return outside


async def test_a_test_reading_that_does_not_arrive_keeps_the_banner_though_its_alarm_was_resolved(
    world: World, owner: Any, auditor_db: Database, web_db: Database
) -> None:
    assert await looks_well(owner, auditor_db, web_db, world, BEGUN)
    later = BEGUN + timedelta(seconds=60)
    await owner.execute("INSERT INTO canary_run (organization_id, started_at, finished_at, missing) VALUES ($1, $2, $2, 'receipt')", world.organization, later)  # fmt: skip
    async with web_db.transaction(Who(principal=f"staff:{world.nurse}", organization=world.organization)) as db:
        shown = await banner(db, later)
    assert shown is not None
    assert shown.broken_since == later


@pytest.mark.slow
async def test_a_day_nobody_looked_is_caught_up_with(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await a_day(world, owner, bridge_db, auditor_db)
    await owner.execute("DELETE FROM finding_evidence")
    await owner.execute("DELETE FROM finding")
    next_day = CAME + timedelta(hours=20)
    async with auditor_db.transaction(AUDITOR) as db:
        first = await rounds.look(db, next_day)
    assert first.behind  # a bounded part at a time
    assert SUBJECTS["reading_without_finding"] in await look(auditor_db, owner, next_day)


async def test_what_was_there_before_the_audit_began_is_nobodys_omission(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 192, 124, at=BEGUN)), now=BEGUN - timedelta(minutes=1))
    await owner.execute("SET session_replication_role = replica")
    for table in ("finding_evidence", "finding", "alert", "arrival", "message"):
        await owner.execute(f"DELETE FROM {table}")
    assert await look(auditor_db, owner, BEGUN) == set()
    assert await look(auditor_db, owner, BEGUN + timedelta(seconds=90)) == set()
