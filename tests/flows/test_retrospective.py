"""Older readings are one calm item per patient: never a page, whatever crossed, in whichever order they come."""

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any

from server.db.pool import Database
from server.flows import resolve_held as flow
from server.flows.resolve_held import Decision
from server.monitoring import retrospective, worklist
from tests.flows.test_reading import NOW, bp, count, publish, send
from tests.flows.test_resolve_held import TOLD, another_patient, hold, no_loan, person_of
from tests.world import World

SEED = 20261122
DAYS = timedelta(days=1)

EVIDENCE = """
    SELECT r.code, f.measured_at, g.code AS gathered_under
      FROM finding f JOIN rule r ON r.id = f.rule_id JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id
      JOIN rule g ON g.id = a.rule_id
     WHERE f.patient_id = $1 ORDER BY 1, 2, 3
"""


async def evidence(owner: Any, world: World) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await owner.fetch(EVIDENCE, world.patient)]


async def test_all_that_is_older_is_one_item_of_the_patient_and_pages_nobody(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    old = [bp(n, 170 + n, 100 if n % 2 else 125, at=NOW - n * DAYS) for n in range(2, 22)]
    low = [bp(30 + n, 80, 50, at=NOW - (n + 1) * DAYS) for n in range(1, 6)]
    await send(bridge_db, publish(world, *old[:9]), publish(world, *low))
    await send(bridge_db, publish(world, *old[9:]))
    alert = await owner.fetchrow("SELECT id, severity, age, status, finding_count FROM alert")
    assert await count(owner, "alert") == 1
    assert await count(owner, "message") == 0
    assert tuple(alert)[1:] == ("medium", "historic", "open", await count(owner, "finding"))
    async with web_db.transaction(person_of(world).who) as db:
        items = await worklist.open_items(db)
        crossed = await retrospective.summary(db, world.organization, world.patient)
    assert [(i.title, i.crossing, i.severity) for i in items] == [("Older readings", None, "medium")]
    older = items[0].older
    assert older is not None
    # Every even one is 125 diastolic; of the odd ones those from 181 systolic; and five low ones.
    assert older.count == 10 + 6 + 5 == alert["finding_count"]
    assert (older.first_at, older.last_at) == (NOW - 21 * DAYS, NOW - 2 * DAYS)
    assert sum(one.count for one in crossed) == older.count
    by_metric = {(one.title, one.metric): one for one in crossed}
    low_one = by_metric["bp_low", "systolic_mmhg"]
    assert (low_one.count, low_one.worst, low_one.severity, low_one.in_doubt) == (5, 80, "medium", 0)
    assert (low_one.first_at, low_one.last_at) == (NOW - 6 * DAYS, NOW - 2 * DAYS)
    high = by_metric["bp_high", "systolic_mmhg"]
    assert (high.worst, high.severity) == (191, "high")
    assert [sum(one.days) for one in crossed] == [one.count for one in crossed]
    assert {len(one.days) for one in crossed} == {20}


async def test_an_old_finding_goes_to_the_older_readings_even_while_a_live_alert_of_its_rule_stands(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 192, 124)))
    await send(bridge_db, publish(world, bp(2, 195, 126, at=NOW - 3 * DAYS)))
    assert await evidence(owner, world) == [
        ("bp_high", NOW - 3 * DAYS, "retrospective"),
        ("bp_high", NOW, "bp_high"),
    ]
    rows = await owner.fetch("SELECT age, severity, finding_count FROM alert ORDER BY age")
    assert [tuple(row) for row in rows] == [("historic", "medium", 1), ("live", "high", 1)]
    assert await count(owner, "message", "purpose = 'page'") == 1


async def test_no_order_of_deliveries_changes_what_is_evidence_of_what(
    world: World, owner: Any, bridge_db: Database
) -> None:
    ages = (timedelta(0), timedelta(minutes=90), 2 * DAYS, 9 * DAYS)
    entries = [bp(n, 184 + n, 90 if n % 2 else 122, at=NOW - age) for n, age in enumerate(ages)]
    orders = list(itertools.permutations(entries))
    chosen = random.Random(SEED).sample(orders, 8)
    seen = []
    for order in chosen:
        for entry in order:
            await send(bridge_db, publish(world, entry))
        seen.append(await evidence(owner, world))
        await owner.execute(
            "TRUNCATE arrival, sequence_state, reading, finding, finding_evidence, alert, message, alarm CASCADE"
        )
    differing = sum(one != seen[0] for one in seen)
    print(f"{differing} of {len(seen)} orders differ (seed {SEED})")
    assert differing == 0
    assert [gathered for _, _, gathered in seen[0]].count("retrospective") == 2


async def test_two_batches_that_both_need_the_first_item_make_one(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await asyncio.gather(*(send(bridge_db, publish(world, bp(n, 190, at=NOW - n * DAYS))) for n in range(2, 8)))
    assert (await count(owner, "alert"), await count(owner, "rule", "code = 'retrospective'")) == (1, 1)
    assert await owner.fetchval("SELECT finding_count FROM alert") == 6


async def test_after_it_is_resolved_further_old_readings_are_a_new_item(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 190, at=NOW - 2 * DAYS)))
    await owner.execute("UPDATE alert SET status = 'resolved'")
    await send(bridge_db, publish(world, bp(2, 191, at=NOW - 3 * DAYS)))
    assert await count(owner, "alert") == 2
    async with web_db.transaction(person_of(world).who) as db:
        assert [one.worst for one in await retrospective.summary(db, world.organization, world.patient)] == [191]


async def test_a_medium_item_taken_on_stays_so_when_more_of_the_old_arrives(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 190, at=NOW - 2 * DAYS)))
    await owner.execute("UPDATE alert SET status = 'acknowledged'")
    await send(bridge_db, publish(world, bp(2, 199, 130, at=NOW - 3 * DAYS)))
    assert tuple(await owner.fetchrow("SELECT status, finding_count FROM alert")) == ("acknowledged", 2)


async def test_an_old_reading_that_was_held_joins_the_item_when_somebody_assigns_it(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 190, at=NOW - 2 * DAYS)))
    other = await another_patient(owner, world)
    await no_loan(owner, world)
    held = await hold(world, bridge_db, owner, bp(2, 198, 128, at=NOW - timedelta(hours=1)))
    await flow.assign(web_db, person_of(world), held, Decision(patient=other), NOW + 2 * DAYS, TOLD)
    rows = await owner.fetch("SELECT patient_id, age FROM alert WHERE age = 'historic'")
    assert {row["patient_id"] for row in rows} == {world.patient, other}
    assert await count(owner, "message", f"alert_id IN (SELECT id FROM alert WHERE patient_id = '{other}')") == 0


async def test_another_organization_has_an_item_and_a_rule_of_its_own(
    world: World, other_world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    both = [publish(one, bp(1, 190, at=NOW - 2 * DAYS)) for one in (world, other_world)]
    await send(bridge_db, *both)
    rows = await owner.fetch("SELECT a.organization_id, r.organization_id FROM alert a JOIN rule r ON r.id = a.rule_id")
    assert {tuple(row) for row in rows} == {(one.organization,) * 2 for one in (world, other_world)}
    async with web_db.transaction(person_of(world).who) as db:
        assert await retrospective.summary(db, world.organization, other_world.patient) == []
        assert len(await worklist.open_items(db)) == 1
