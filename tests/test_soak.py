"""The short form of `make soak`, and each of its checks seen to fail when its property is broken."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench import checks, kills
from bench.stage import Stage
from server.db.pool import Database
from tests.flows.test_reading import bp, publish, send
from tests.world import World

NOW = datetime.now(UTC)


@pytest.mark.slow
async def test_killing_bridge_broker_and_postgresql_breaks_nothing(tmp_path: Path) -> None:
    async with Stage.open(tmp_path) as stage:
        result = await kills.campaign(stage, kills=6, seed=20261121)
    print(result)
    assert result["drained"]
    assert {name: figure["broken"] for name, figure in result["checks"].items() if figure["broken"]} == {}
    assert result["sent"] > 300


@pytest.fixture
async def settled(world: World, bridge_db: Database) -> checks.Settled:
    """Three readings with their receipts, one of them a crisis."""
    entries = [bp(n, systolic, at=NOW + timedelta(seconds=n)) for n, systolic in ((1, 120), (2, 192), (3, 130))]
    outcome = await send(bridge_db, publish(world, *entries), now=NOW + timedelta(seconds=5))
    return {world.device: dict.fromkeys(outcome.receipts[world.device][0].stored, "stored")}


async def broken(owner: Any, world: World, settled: checks.Settled) -> list[str]:
    found = {
        "receipt": await checks.receipts_without_a_row(owner, settled),
        "twice": await checks.stored_twice(owner),
        "patient": await checks.wrong_patient(owner, {world.device: world.patient}),
        "crossing": await checks.crossings_without_a_finding(owner),
        "counts": await checks.wrong_counts(owner),
    }
    return [name for name, bad in found.items() if bad]


DUPLICATE = """
    INSERT INTO reading SELECT (json_populate_record(r, json_build_object('id', gen_random_uuid()))).* FROM reading r LIMIT 1
"""
OTHER = """
    WITH other AS (INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex,
                                        zone, admitted_at)
                   SELECT gen_random_uuid(), organization_id, clinic_id, team_id, 'other', 'O', 'T', birth_date, sex, zone,
                          admitted_at FROM patient RETURNING id)
    UPDATE reading SET patient_id = (SELECT id FROM other) WHERE systolic_mmhg = 120
"""


@pytest.mark.parametrize(
    ("breaking", "caught"),
    [
        ("SELECT 1", []),
        ("DELETE FROM reading WHERE systolic_mmhg = 120", ["receipt"]),
        ("DELETE FROM arrival WHERE seq = 1", ["receipt"]),
        (DUPLICATE, ["twice"]),
        (OTHER, ["patient"]),
        ("UPDATE finding SET anchor = 'another'", ["crossing"]),
        ("UPDATE finding SET alert_id = NULL", ["crossing"]),
        ("UPDATE device_state SET received_count = received_count + 1", ["counts"]),
    ],
    ids=["nothing", "a reading", "the ledger", "a double", "a patient", "a finding", "an alert", "a count"],
)
async def test_each_check_sees_its_property_broken(
    world: World, owner: Any, settled: checks.Settled, breaking: str, caught: list[str]
) -> None:
    await owner.execute(breaking)
    assert await broken(owner, world, settled) == caught
