"""A high alert that is clearly worse than when it was paged pages again, once per worsening, and is open again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.monitoring import worsenings
from server.monitoring.findings import Finding
from server.monitoring.waits import Pressure
from server.monitoring.worsenings import Before, Earlier
from tests.flows.asking import MINUTE, Scene
from tests.flows.clinic import tick
from tests.flows.test_reading import count
from tests.world import NEVER_WAIT, World

SECOND = timedelta(seconds=1)


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


async def taken(scene: Scene) -> None:
    await scene.owner.execute(
        "UPDATE alert SET status = 'acknowledged', acknowledged_by = $1, acknowledged_at = $2",
        scene.world.nurse, scene.now,
    )  # fmt: skip


async def test_a_clearly_worse_reading_of_an_alert_that_was_taken_pages_again_and_opens_it(scene: Scene) -> None:
    await scene.measures(185, 100)
    await tick(scene.worker_db, scene.now + SECOND)
    scene.now += MINUTE
    await taken(scene)
    scene.now += 20 * MINUTE
    await scene.measures(240, 140)
    assert (await scene.pages(), await scene.alert()) == (["page_high_alert"] * 2, ("high", "open"))
    await tick(scene.worker_db, scene.now + SECOND)
    row = await scene.owner.fetchrow("SELECT round, started_at, due_at > $1 AS later FROM escalation", scene.now)
    assert tuple(row) == (1, scene.now, True)  # the chain begins anew: not all its steps are overdue at once
    assert await scene.pages() == ["page_high_alert"] * 2
    assert await count(scene.owner, "audit", "action = 'alert.return' AND detail->>'why' = 'worse'") == 1
    await tick(scene.worker_db, scene.now + 2 * SECOND)
    assert await count(scene.owner, "audit", "action = 'alert.return'") == 1


async def test_each_worsening_pages_once(scene: Scene) -> None:
    await scene.measures(181, 100)
    for systolic, pages in [(181, 1), (190, 1), (199, 1), (201, 2), (210, 2), (195, 2), (219, 2), (222, 3), (222, 3)]:
        scene.now += MINUTE
        await scene.measures(systolic, 100)
        assert len(await scene.pages()) == pages, systolic


async def test_what_was_taken_stays_taken_while_it_is_not_clearly_worse(scene: Scene) -> None:
    await scene.measures(185, 100)
    await taken(scene)
    scene.now += MINUTE
    await scene.measures(199, 105)
    assert (await scene.pages(), await scene.alert()) == (["page_high_alert"], ("high", "acknowledged"))


async def test_a_late_reading_that_is_worse_is_evidence_only(scene: Scene) -> None:
    await scene.measures(185, 100)
    await scene.measures(240, 140, ago=90 * MINUTE)
    assert await scene.pages() == ["page_high_alert"]


async def test_a_meters_lo_after_a_low_sugar_pages_again(scene: Scene) -> None:
    await scene.sends(scene.entry(kind="glucose", glucose=52))
    for _ in range(2):
        scene.now += MINUTE
        await scene.sends(scene.entry(kind="glucose", glucose="LO"))
    assert await scene.pages() == ["page_high_alert"] * 2


@pytest.mark.parametrize(
    ("metric", "side", "first", "worst", "value", "steps"),
    [
        ("systolic_mmhg", "at_or_above", 180, 180, 199, None),
        ("systolic_mmhg", "at_or_above", 180, 180, 200, 2),
        ("systolic_mmhg", "at_or_above", 199, 199, 200, 1),
        ("systolic_mmhg", "at_or_above", 205, 205, 224, None),
        ("systolic_mmhg", "at_or_above", 205, 205, 225, 1),
        ("systolic_mmhg", "at_or_above", 205, 225, 244, None),
        ("systolic_mmhg", "at_or_above", 205, 225, 245, 2),
        ("diastolic_mmhg", "at_or_above", 120, 120, 129, None),
        ("diastolic_mmhg", "at_or_above", 120, 120, 130, 2),
        ("glucose_mgdl", "below", 53, 53, 39, None),
        ("glucose_mgdl", "below", 53, 53, 38, 1),
        ("glucose_mgdl", "at_or_above", 400, 400, 459, None),
        ("glucose_mgdl", "at_or_above", 400, 400, 460, 1),
        ("spo2_pct", "at_or_below", 91, 91, 88, None),
        ("spo2_pct", "at_or_below", 91, 91, 87, 1),
        ("temperature_c", "above", Decimal("39.1"), Decimal("39.1"), Decimal("40.0"), None),
        ("temperature_c", "above", Decimal("39.1"), Decimal("39.1"), Decimal("40.1"), 1),
    ],
)
def test_how_much_further_is_worse(
    metric: str, side: Any, first: Any, worst: Any, value: Any, steps: int | None
) -> None:
    low, high = min(Decimal(first), Decimal(worst)), max(Decimal(first), Decimal(worst))
    before = Before(numbers={metric: Earlier(first=Decimal(first), highest=high, lowest=low)}, beyond=False)
    said = worsenings.worse(uuid7(), finding(metric, side, Decimal(value)), None, before, NEVER_WAIT)
    assert (said and said.steps) == steps


@pytest.mark.parametrize(("diastolic", "is_worse"), [(125, False), (129, False), (130, True), (140, True)])
def test_the_other_number_of_a_pressure_counts_from_where_nothing_waits(diastolic: int, is_worse: bool) -> None:
    pressure = Pressure(Decimal(186), Decimal(diastolic))
    before = Before(
        numbers={name: Earlier(first=Decimal(of), highest=Decimal(of), lowest=Decimal(of))
                 for name, of in (("systolic_mmhg", 185), ("diastolic_mmhg", 100))},
        beyond=False,
    )  # fmt: skip
    new = finding("systolic_mmhg", "at_or_above", Decimal(186))
    assert (worsenings.worse(uuid7(), new, pressure, before, NEVER_WAIT) is not None) is is_worse


def finding(metric: str, side: Any, value: Decimal) -> Finding:
    return Finding(
        id=uuid7(), organization_id=uuid7(), patient_id=uuid7(), rule_id=uuid7(), rule_version_id=uuid7(),
        anchor=uuid7(), severity="high", metric=metric, side=side, value=value, limit_value=Decimal(0), age="live",
        measured_at=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip
