"""Whose levels count when crossings are worked out anew: the programme's beside the rule's, the patient's own instead."""

from datetime import timedelta
from typing import Any

from server.auditing.rounds import SUBJECTS
from server.db.pool import Database
from tests.auditing.test_rounds import BEGUN, CAME, look, taken
from tests.flows.test_reading import bp, publish, send
from tests.world import World

LONG_AGO, CHANGED, SOON = BEGUN - timedelta(days=9), CAME - timedelta(minutes=1), CAME + timedelta(days=1)
LOST = SUBJECTS["reading_without_finding"]


async def came(world: World, owner: Any, bridge_db: Database, *entries: Any) -> int:
    """How many findings the readings made."""
    await send(bridge_db, publish(world, *entries), now=CAME)
    await owner.execute("UPDATE message SET status = 'delivered'")
    await taken(owner)
    return int(await owner.fetchval("SELECT count(*) FROM finding"))


async def lose(owner: Any) -> None:
    await owner.execute("DELETE FROM finding_evidence")
    await owner.execute("DELETE FROM finding")


async def test_a_programmes_stricter_level_counts(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await owner.execute(
        "INSERT INTO programme_limit VALUES ($1, $2, $3, 'systolic_mmhg', 'at_or_above', 'high', 160)",
        world.versions["bp_high"], world.programme, world.organization,
    )  # fmt: skip
    await look(auditor_db, owner, BEGUN)
    assert await came(world, owner, bridge_db, bp(1, 165, at=CAME)) == 1
    assert LOST not in await look(auditor_db, owner, CAME + timedelta(seconds=20))
    await lose(owner)
    assert LOST in await look(auditor_db, owner, CAME + timedelta(seconds=40))


async def test_rules_over_a_series_are_not_crossed_by_a_reading(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    await owner.execute("UPDATE rule SET kind = 'average' WHERE id = $1", world.rules["bp_low"])
    await look(auditor_db, owner, BEGUN)
    assert await came(world, owner, bridge_db, bp(1, 85, 60, at=CAME)) == 0
    assert LOST not in await look(auditor_db, owner, CAME + timedelta(seconds=20))


async def test_a_patients_own_limit_counts_until_it_ends_by_itself(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    for value, begins, ends in ((120, LONG_AGO, CHANGED), (150, CHANGED, SOON)):
        await owner.execute(
            "INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,"
            " reason, valid_from, valid_to) VALUES (gen_random_uuid(), $1, $2, $3, 'systolic_mmhg', 'at_or_above', 'high',"
            " $4, 'test', 'test', $5, $6)",
            world.organization, world.patient, world.rules["bp_high"], value, begins, ends,
        )  # fmt: skip
    await look(auditor_db, owner, BEGUN)
    assert await came(world, owner, bridge_db, bp(1, 155, at=CAME), bp(2, 130, at=CAME)) == 1
    assert LOST not in await look(auditor_db, owner, CAME + timedelta(seconds=20))
    await lose(owner)
    assert LOST in await look(auditor_db, owner, CAME + timedelta(seconds=40))
    assert await owner.fetchval("SELECT count(*) FROM audit_mismatch WHERE kind = 'reading_without_finding'") == 1
