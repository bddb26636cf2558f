"""A changed rule is proved by the next synthetic reading that it judged itself; after three tries without, it is loud."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from server.auditing import canary, runs, synthetic
from server.auditing.runs import HOPS, Hop
from server.db.pool import Database, Who
from tests.world import World

AUDITOR = Who(principal="service:auditor")
EVERY = timedelta(seconds=60)
BEGAN = runs.slot(datetime(2026, 11, 20, 12, tzinfo=UTC), EVERY)
PROVED = "SELECT proved_at FROM rule_version WHERE rule_id = $1 AND valid_to IS NULL"
TRIED = "SELECT tried FROM rule_version WHERE rule_id = $1 AND valid_to IS NULL"
LOUD = "SELECT says FROM alarm WHERE kind = 'rule_unproved' AND status <> 'resolved'"


async def changed(owner: Any, world: World, code: str, at: datetime) -> uuid.UUID:
    """A second version, approved at `at`, with the first one's levels."""
    old, new = world.versions[code], uuid.uuid4()
    await owner.execute("UPDATE rule_version SET valid_to = $2 WHERE id = $1", old, at)
    await owner.execute(
        """INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, approved_by,
               approved_at, valid_from)
           SELECT $1, organization_id, rule_id, 2, explains, source, author, 'B, clinician', $3, $3 FROM rule_version
            WHERE id = $2""", new, old, at,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO rule_limit SELECT $1, organization_id, metric, side, severity, value FROM rule_limit"
        " WHERE rule_version_id = $2", new, old,
    )  # fmt: skip
    return new


async def ran(
    db: Database, owner: Any, world: World, slot: datetime, *, judged_by: uuid.UUID | None = None,
    missing: Hop | None = None,
) -> None:  # fmt: skip
    """One run of the synthetic patient, whose reading this version found."""
    async with db.transaction(AUDITOR) as there:
        await synthetic.see_to(there, slot)
        await runs.begin(there, world.organization, slot)
    if judged_by is not None:
        await owner.execute(
            """INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, severity, metric,
                   side, value, limit_value, age, measured_at, found_at)
               SELECT $1, organization_id, $2, rule_id, id, $3, 'high', 'systolic_mmhg', 'at_or_above', 185, 180, 'live',
                      $4, $4 FROM rule_version WHERE id = $5""",
            uuid.uuid4(), synthetic.patient_of(world.organization), str(uuid.uuid4()), slot + timedelta(seconds=1),
            judged_by,
        )  # fmt: skip
    async with db.transaction(AUDITOR) as there:
        took = {} if missing else dict.fromkeys(HOPS, 5)
        await canary.conclude(there, world.organization, slot, took, missing, slot + timedelta(seconds=4))


async def test_a_run_that_the_new_version_judged_proves_it_and_one_from_before_does_not(
    world: World, owner: Any, auditor_db: Database
) -> None:
    version = await changed(owner, world, "bp_high", BEGAN + timedelta(seconds=30))
    await ran(auditor_db, owner, world, BEGAN, judged_by=world.versions["bp_high"])
    assert await owner.fetchval(PROVED, world.rules["bp_high"]) is None, "that reading was sent before the change"
    await ran(auditor_db, owner, world, BEGAN + EVERY, judged_by=world.versions["bp_high"])
    assert await owner.fetchval(PROVED, world.rules["bp_high"]) is None, "the old version judged it"
    at = BEGAN + 2 * EVERY
    await ran(auditor_db, owner, world, at, judged_by=version)
    assert await owner.fetchval(PROVED, world.rules["bp_high"]) == at + timedelta(seconds=4)
    assert await owner.fetchval(TRIED, world.rules["bp_high"]) is True


async def test_what_was_proved_by_the_route_alone_is_tried_once_a_reading_crosses_it(
    world: World, owner: Any, auditor_db: Database
) -> None:
    version = await changed(owner, world, "bp_high", BEGAN)
    await owner.execute("UPDATE rule_version SET proved_at = $1 WHERE id = $2", BEGAN, version)
    for n, by, tried in ((1, None, False), (2, version, True), (3, None, True)):
        await ran(auditor_db, owner, world, BEGAN + n * EVERY, judged_by=by)
        assert await owner.fetchval(TRIED, world.rules["bp_high"]) is tried
    assert await owner.fetchval(PROVED, world.rules["bp_high"]) == BEGAN


async def test_a_rule_of_another_vital_is_proved_by_the_route_alone(
    world: World, owner: Any, auditor_db: Database
) -> None:
    await changed(owner, world, "glucose_low", BEGAN + timedelta(seconds=30))
    await ran(auditor_db, owner, world, BEGAN, judged_by=world.versions["bp_high"])
    assert await owner.fetchval(PROVED, world.rules["glucose_low"]) is None, "that reading was sent before the change"
    await ran(auditor_db, owner, world, BEGAN + EVERY, judged_by=world.versions["bp_high"], missing="page")
    assert await owner.fetchval(PROVED, world.rules["glucose_low"]) is None
    await ran(auditor_db, owner, world, BEGAN + 2 * EVERY, judged_by=world.versions["bp_high"])
    assert await owner.fetchval(PROVED, world.rules["glucose_low"]) is not None
    assert await owner.fetchval(TRIED, world.rules["glucose_low"]) is False, "a high pressure says nothing of glucose"


async def test_three_runs_without_a_proof_are_loud_once_and_a_proof_ends_it(
    world: World, owner: Any, auditor_db: Database
) -> None:
    version = await changed(owner, world, "bp_high", BEGAN)
    for n in range(2):
        await ran(auditor_db, owner, world, BEGAN + n * EVERY)
    assert await owner.fetchval(LOUD) is None
    for n in range(2, 5):
        await ran(auditor_db, owner, world, BEGAN + n * EVERY)
    assert [row["says"][:37] for row in await owner.fetch(LOUD)] == ["Changed, and no test reading has prov"]
    await ran(auditor_db, owner, world, BEGAN + 5 * EVERY, judged_by=version)
    assert await owner.fetchval(LOUD) is None


async def test_what_a_clinic_began_with_is_proved_and_never_loud(
    world: World, owner: Any, auditor_db: Database
) -> None:
    for n in range(4):
        await ran(auditor_db, owner, world, BEGAN + n * EVERY, missing="broker")
    assert await owner.fetchval(LOUD) is None
    await ran(auditor_db, owner, world, BEGAN + 4 * EVERY, judged_by=world.versions["bp_high"])
    unproved = await owner.fetchval("SELECT count(*) FROM rule_version WHERE proved_at IS NULL")
    print(f"{unproved} of {len(world.versions)} versions unproved")
    assert unproved == 0


async def test_the_auditor_writes_nothing_else_of_a_version(world: World, auditor_db: Database) -> None:
    import asyncpg
    import pytest

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with auditor_db.transaction(AUDITOR) as db:
            await db.execute("UPDATE rule_version SET valid_to = now()")
