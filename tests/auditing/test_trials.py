"""A changed rule is tried by a reading of its own vital, which goes the whole way through the broker to the sink."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from server import bridge
from server.auditing import canary, runs, synthetic, trials
from server.db.pool import Database, Who
from server.monitoring import defaults
from server.settings import Settings
from tests.auditing.test_canary import living, outside, process
from tests.auditing.test_proofs import LOUD, PROVED, TRIED, changed
from tests.flows.test_reading import publish, send
from tests.texting import phones, until
from tests.world import World

__all__ = ["living", "outside", "phones"]
AUDITOR = Who(principal="service:auditor")
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
SLOT = runs.slot(NOW, MINUTE)
SHIPPED = [
    (rule.code, level)
    for rule in defaults.RULES
    for level in rule.levels
    if rule.parameters is None and level.value is not None
]


@pytest.mark.parametrize(("code", "level"), SHIPPED, ids=[f"{code}-{level.severity}" for code, level in SHIPPED])
async def test_each_shipped_level_is_crossed_and_judged(
    world: World, owner: Any, auditor_db: Database, bridge_db: Database, code: str, level: Any
) -> None:
    version = await changed(owner, world, "bp_low", SLOT - MINUTE)
    await owner.execute("UPDATE rule SET vital = $1 WHERE code = 'bp_low'", vital_of(level.metric))
    await owner.execute("DELETE FROM rule_limit WHERE rule_version_id = $1", version)
    await owner.execute(
        "INSERT INTO rule_limit VALUES ($1, $2, $3, $4, $5, $6)",
        version, world.organization, level.metric, level.side, level.severity, Decimal(str(level.value)),
    )  # fmt: skip
    async with auditor_db.transaction(AUDITOR) as db:
        await synthetic.see_to(db, NOW)
        [one] = await trials.to_try(db, world.organization, SLOT)
    assert one.version_id == version
    sent, device = trials.payload(one, NOW), synthetic.device_of(world.organization)
    await send(bridge_db, publish(world, sent, sender=device), now=NOW)
    await owner.execute("UPDATE message SET status = 'withheld', reason = 'sink' WHERE to_number = 'sink'")
    async with auditor_db.transaction(AUDITOR) as db:
        assert await trials.reached(db, device, one, sent)
        assert await trials.to_try(db, world.organization, SLOT) == []
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0


def vital_of(metric: str) -> str:
    name = metric.rpartition("_")[0]
    return "blood_pressure" if name in {"systolic", "diastolic"} else name


async def test_a_rule_of_the_past_one_that_was_tried_and_one_over_a_series_are_not_tried(
    world: World, owner: Any, auditor_db: Database
) -> None:
    for code, at in (("glucose_low", SLOT - MINUTE), ("spo2_low", SLOT - 2 * trials.FOR), ("bp_low", SLOT - MINUTE)):
        await changed(owner, world, code, at)
    await owner.execute("UPDATE rule SET kind = 'sustained' WHERE code = 'bp_low'")
    async with auditor_db.transaction(AUDITOR) as db:
        await synthetic.see_to(db, NOW)
        assert [one.metric for one in await trials.to_try(db, world.organization, SLOT)] == ["glucose_mgdl"]
    await owner.execute("UPDATE rule_version SET tried = true")
    async with auditor_db.transaction(AUDITOR) as db:
        assert await trials.to_try(db, world.organization, SLOT) == []


async def test_a_rule_whose_own_reading_got_lost_is_not_proved_by_the_route_and_loud_after_three_tries(
    world: World, owner: Any, auditor_db: Database
) -> None:
    version = await changed(owner, world, "glucose_low", SLOT)
    for n in range(3):
        assert await owner.fetchval(LOUD) is None
        async with auditor_db.transaction(AUDITOR) as db:
            slot = SLOT + n * MINUTE
            await synthetic.see_to(db, slot)
            await runs.begin(db, world.organization, slot)
            took = dict.fromkeys(runs.HOPS, 5)
            await canary.conclude(db, world.organization, slot, took, None, slot + MINUTE / 2, [version])
    assert await owner.fetchval(PROVED, world.rules["glucose_low"]) is None
    assert "glucose_low" in await owner.fetchval(LOUD)


@pytest.mark.slow
async def test_changed_rules_are_tried_over_the_real_broker(living: Settings, world: World, owner: Any) -> None:
    codes = ("glucose_low", "spo2_low", "bp_low")
    async with process(bridge.run, living):
        for code in codes:
            await changed(owner, world, code, datetime.now(UTC))
        for code in codes:
            await until(lambda code=code: owner.fetchval(TRIED, world.rules[code]), 60)
    assert await owner.fetchval(LOUD) is None
    proved = [await owner.fetchval(PROVED, world.rules[code]) for code in codes]
    assert all(at is not None for at in proved)
    sunk = await owner.fetch(
        "SELECT DISTINCT u.code FROM message m JOIN alert a ON a.id = m.alert_id JOIN rule u ON u.id = a.rule_id"
        " WHERE m.to_number = 'sink' AND m.status = 'withheld'"
    )
    assert {row["code"] for row in sunk} >= {"glucose_low", "spo2_low"}
    assert await owner.fetchval("SELECT count(*) FROM message WHERE alert_id IS NOT NULL AND to_number <> 'sink'") == 0
