"""What is held in doubt was judged as all it could mean, or the auditor says so; and it never says so when it was."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from devices import meanings as ours
from devices.decoded import DecodedReading
from server.auditing import doubtful
from server.auditing.rounds import SUBJECTS
from server.db.pool import Database
from tests.auditing.test_rounds import BEGUN, CAME, look, taken
from tests.flows.test_reading import publish, send
from tests.world import World, lend_device

SEED = 20261122


def said(chance: random.Random, number: int) -> dict[str, Any]:
    """A reading in doubt, or beyond what any body shows."""
    at = {"seq": number, "measured_at": CAME.isoformat()}
    kind = chance.choice(["blood_pressure", "glucose", "weight", "temperature", "spo2"])
    if kind == "blood_pressure":
        systolic = chance.choice([chance.randint(8, 30), chance.randint(290, 420), chance.randint(100, 200)])
        return {"kind": kind, **at, "systolic": systolic, "diastolic": chance.randint(5, 260)}
    value = {"glucose": 1 + chance.random() * 1500, "weight": 1 + chance.random() * 900}.get(kind)
    return {"kind": kind, **at, kind: round(value if value else 20 + chance.random() * 90, 1)}


async def test_none_that_was_judged_is_doubted_and_every_lost_one_is_found(
    world: World, owner: Any, bridge_db: Database, auditor_db: Database
) -> None:
    chance = random.Random(SEED)
    kinds = ("blood_pressure", "glucose", "weight", "temperature", "spo2")
    device, _ = await lend_device(owner, world.organization, world.patient, BEGUN - timedelta(days=9), kinds)
    await look(auditor_db, owner, BEGUN)
    for number in range(1, 201):
        await send(bridge_db, publish(world, said(chance, number), sender=device), now=CAME)
    await owner.execute("UPDATE message SET status = 'delivered'")
    await owner.execute("UPDATE sequence_state SET through = highest")
    await taken(owner)
    assert SUBJECTS["doubt_without_finding"] not in await look(auditor_db, owner, CAME + timedelta(seconds=20))
    held = await owner.fetchval("SELECT count(*) FROM held")
    rows = await owner.fetch("SELECT DISTINCT anchor FROM finding WHERE anchor IN (SELECT id::text FROM held)")
    judged = [row["anchor"] for row in rows]
    await owner.execute("SET session_replication_role = replica")
    await owner.execute("DELETE FROM finding WHERE anchor = ANY($1)", judged)
    assert SUBJECTS["doubt_without_finding"] in await look(auditor_db, owner, CAME + timedelta(seconds=40))
    noticed = await owner.fetch("SELECT key FROM audit_mismatch WHERE kind = 'doubt_without_finding'")
    print(f"seed {SEED}: 0 of {held} held readings doubted; {len(noticed)} of {len(judged)} lost ones noticed")
    assert held > 60
    assert len(judged) > 20
    assert {row["key"] for row in noticed} <= set(judged)
    assert len(noticed) >= 0.9 * len(judged)  # one that is likely only for this patient's own usual values is theirs


@pytest.mark.parametrize(
    ("numbers", "mean"),
    [
        ({"systolic_mmhg": "16", "diastolic_mmhg": "12"}, [{"systolic_mmhg": "120.0", "diastolic_mmhg": "90.0"}]),
        ({"systolic_mmhg": "402", "diastolic_mmhg": "301"}, [{"systolic_mmhg": "402", "diastolic_mmhg": "301"}]),
        ({"glucose_mgdl": "2.8"}, [{"glucose_mgdl": "50.5"}]),
        ({"temperature_c": "98.6"}, [{"temperature_c": "37.00"}]),
        ({"weight_kg": "640"}, [{"weight_kg": "290.30"}]),
        ({"spo2_pct": "12"}, [{"spo2_pct": "12"}]),
    ],
)
def test_what_it_could_mean(numbers: dict[str, str], mean: list[dict[str, str]]) -> None:
    decimals = {column: Decimal(value) for column, value in numbers.items()}
    found = [{c: str(v) for c, v in one.items()} for one in doubtful.meanings(decimals)]
    assert found == mean


def test_it_expects_nothing_that_the_way_of_a_reading_does_not_judge() -> None:
    chance, odd = random.Random(SEED), 0
    for _ in range(3000):
        column = chance.choice(list(doubtful.POSSIBLE))
        value = Decimal(str(round(chance.random() * chance.choice([10, 100, 1000, 3000]) + 0.1, 1)))
        numbers = {column: value}
        if column == "systolic_mmhg":
            numbers["diastolic_mmhg"] = Decimal(chance.randint(1, 300))
        theirs = ours.meanings(DecodedReading(kind="any", values=dict(numbers)))
        odd += any(one not in theirs for one in doubtful.meanings(numbers))
    print(f"seed {SEED}: {odd} of 3000 readings are expected to mean what nobody judges")
    assert odd == 0
