"""The same readings in any order, batches and repetition, looked at whenever, leave the same facts over a series."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from server.db import pool
from server.flows import reading, series
from server.monitoring.parameters import Average, Count, Flagged, Missing, Span, Sustained, Trend
from tests.flows.measured import DAY, TOLD, bp, expect, give_rule, message, on, weight
from tests.world import World, lend_device

SEEDS = range(20261122, 20261122 + 120)
ORDERS_OF_A_SET = 10
DAYS = 35
HOLDS = """
    SELECT u.code, coalesce(r.measured_at::text, f.anchor), f.severity, f.metric, f.side, f.value, f.limit_value,
           f.measured_at, f.age, f.why,
           ARRAY(SELECT e.measured_at FROM finding_evidence e
                  WHERE e.finding_id = f.id AND e.superseded_at IS NULL ORDER BY 1)
      FROM finding f JOIN rule u ON u.id = f.rule_id AND u.kind <> 'crossing'
      LEFT JOIN reading r ON r.id::text = f.anchor
     WHERE f.superseded_at IS NULL
"""
UNTOLD = """
    SELECT count(*) FROM finding f LEFT JOIN alert a ON a.id = f.alert_id
     WHERE a.id IS NULL OR (SELECT count(*) FROM finding c WHERE c.alert_id = a.id) <> a.finding_count
"""


async def settle_in(owner: Any, world: World) -> list[str]:
    """Every kind of rule, two scales and the cuff."""
    high = [("systolic_mmhg", "at_or_above", "medium", 160), ("diastolic_mmhg", "at_or_above", "medium", 100)]
    goal = [("systolic_mmhg", "at_or_above", "low", 130)]
    spans = (Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.27")))
    pressure = "blood_pressure"
    await give_rule(owner, world, "average", pressure, Average(at_least_readings=5, every_weeks=2), goal)
    await give_rule(owner, world, "count", pressure, Count(at_least=3, days=7), high)
    await give_rule(owner, world, "sustained", pressure, Sustained(days=2), high)
    await give_rule(owner, world, "trend", "weight", Trend(spans=spans))
    await give_rule(owner, world, "flag", pressure, Flagged(flag="irregular_pulse"))
    await give_rule(owner, world, "missing", pressure, Missing(windows=3))
    await expect(owner, world, pressure, (5, 12), (16, 23))
    scales = [(await lend_device(owner, world.organization, world.patient, on(0) - DAY, ("weight",)))[0] for _ in "ab"]
    return [world.device, *scales]


def things(senders: Sequence[str], seed: int) -> list[tuple[str, dict[str, Any]]]:
    """(sender, entry): some weeks of a life, no two readings of one minute."""
    chance, made = random.Random(seed), []
    cuff, *scales = senders
    for minute in chance.sample(range(DAYS * 24 * 60), 45):
        at = on(0, 0) + minute * DAY / 1440
        if chance.random() < 0.3:
            made.append((chance.choice(scales), weight(at, 78 + chance.randrange(8) / 2)))
        else:
            flags = ["irregular_pulse"] if chance.random() < 0.2 else []
            made.append((cuff, bp(at, chance.randrange(120, 195, 5), chance.randrange(60, 112, 4), flags=flags)))
    return made


def batches(these: Sequence[tuple[str, dict[str, Any]]], seed: int) -> list[list[tuple[str, dict[str, Any]]]]:
    """Each once or twice, shuffled, in some batches."""
    chance = random.Random(seed)
    left = [thing for thing in these for _ in range(chance.choice((1, 1, 1, 2)))]
    chance.shuffle(left)
    cuts = sorted(chance.sample(range(1, len(left)), chance.choice((0, 1, 2))))
    return [left[a:b] for a, b in zip([0, *cuts], [*cuts, len(left)], strict=True)]


async def outcome(owner: Any, world: World, order: Sequence[Any], now: datetime) -> set[Any]:
    """Deliver and look after each batch, in one transaction that is undone."""
    trial = owner.transaction()
    await trial.start()
    try:
        for batch in order:
            await reading.handle(owner, [message(world, entry, sender=sender) for sender, entry in batch], now, TOLD)
            await series.look(owner, [world.patient], now, TOLD)
        assert await owner.fetchval(UNTOLD) == 0, "an alert counts otherwise than it has findings"
        return {tuple(tuple(v) if isinstance(v, list) else v for v in row) for row in await owner.fetch(HOLDS)}
    finally:
        await trial.rollback()


async def test_any_order_leaves_the_same_facts(world: World, owner: Any) -> None:
    senders, now = await settle_in(owner, world), on(DAYS, 9)
    await pool._prepare(owner)  # as a process' own connection
    wrong, facts, kinds = [], 0, set()
    for number, seed in enumerate(SEEDS):
        if number % ORDERS_OF_A_SET == 0:
            these = things(senders, seed)
            first = await outcome(owner, world, [these], now)
            facts += len(first)
            kinds |= {row[0] for row in first}
        if await outcome(owner, world, batches(these, seed), now) != first:
            wrong.append(seed)
    print(f"{len(wrong)} of {len(SEEDS)} orders wrong; {facts} facts of {len(SEEDS) // ORDERS_OF_A_SET} sets")
    assert wrong == []
    assert kinds == {"average", "count", "sustained", "trend", "flag", "missing"}
