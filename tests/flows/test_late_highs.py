"""A late high that nothing newer contradicts: one page per patient for what comes together, with both times, and no text to the patient."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database
from tests.flows.asking import MINUTE, Scene
from tests.flows.clinic import tick
from tests.flows.test_reading import count
from tests.texting import NEW_YORK
from tests.world import World

SECOND = timedelta(seconds=1)


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


async def test_late_highs_page_once_per_patient_with_both_times_and_text_the_patient_nothing(scene: Scene) -> None:
    scene.now = scene.now.replace(hour=19, minute=22)
    await scene.sends(
        scene.pressure(190, ago=90 * MINUTE),
        scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE),
        scene.entry(kind="spo2", spo2=85, ago=80 * MINUTE),
    )
    await scene.sends(scene.pressure(191, ago=70 * MINUTE))
    assert (await scene.pages(), await scene.texts()) == (["page_late_alert"], [])
    assert await count(scene.owner, "alert") == 3
    body = await scene.owner.fetchval("SELECT body FROM message")
    local = [(scene.now - ago).astimezone(NEW_YORK).strftime("%H:%M") for ago in (60 * MINUTE, timedelta(0))]
    assert f"measured {local[0]}, arrived {local[1]}" in body
    assert not any(number in body for number in ("190", "45 ", "85"))


async def test_a_late_high_that_was_paged_climbs_like_a_high_and_the_others_like_a_medium(scene: Scene) -> None:
    await scene.sends(scene.pressure(190, ago=90 * MINUTE), scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE))
    await tick(scene.worker_db, scene.now + SECOND)
    rows = await scene.owner.fetch("SELECT severity FROM escalation ORDER BY severity")
    assert [row["severity"] for row in rows] == ["high", "medium"]


async def test_a_live_crisis_after_a_late_one_is_paged_at_once_and_asked_about(scene: Scene) -> None:
    await scene.measures(190, ago=90 * MINUTE)
    await scene.measures(190)
    assert await scene.pages() == ["page_late_alert", "page_high_alert"]
    assert await scene.texts() == ["ask_rest"]


async def test_a_late_reading_of_an_alert_that_was_paged_is_evidence(scene: Scene) -> None:
    await scene.measures(190)
    await scene.measures(195, ago=90 * MINUTE)
    assert await scene.pages() == ["page_high_alert"]


@pytest.mark.parametrize(
    ("high", "newer", "pages"),
    [
        ({"kind": "glucose", "glucose": 45}, {"kind": "glucose", "glucose": 62}, 1),
        ({"kind": "glucose", "glucose": 45}, {"kind": "glucose", "glucose": 300}, 1),
        ({"kind": "glucose", "glucose": 45}, {"kind": "glucose", "glucose": 100}, 0),
        ({"kind": "spo2", "spo2": 85}, {"kind": "spo2", "spo2": 94}, 1),
        ({"kind": "spo2", "spo2": 85}, {"kind": "spo2", "spo2": 97}, 0),
        ({"kind": "spo2", "spo2": 85}, {"kind": "glucose", "glucose": 100}, 1),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one message", "newest first"])
async def test_only_a_newer_reading_within_limits_speaks_against_a_late_high(
    scene: Scene, high: dict[str, Any], newer: dict[str, Any], pages: int, together: bool
) -> None:
    older, later = scene.entry(**high, ago=45 * MINUTE), scene.entry(**newer, ago=35 * MINUTE)
    if together:
        await scene.sends(older, later)
    else:
        await scene.sends(later)
        await scene.sends(older)
    assert await scene.pages() == ["page_late_alert"] * pages


async def test_a_late_high_of_another_vital_hours_later_on_the_same_day_pages_too(scene: Scene) -> None:
    scene.now = scene.now.replace(hour=15, minute=0)
    await scene.measures(190, ago=90 * MINUTE)
    scene.now += 3 * timedelta(hours=1)
    await scene.sends(scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE))
    assert await scene.pages() == ["page_late_alert"] * 2


async def test_a_late_high_that_comes_after_somebody_took_the_first_pages_again(scene: Scene) -> None:
    await scene.measures(190, ago=90 * MINUTE)
    await scene.owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", scene.world.nurse)
    scene.now += MINUTE
    await scene.sends(scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE))
    assert await scene.pages() == ["page_late_alert"] * 2


async def test_late_highs_of_many_messages_that_come_together_page_once(scene: Scene) -> None:
    await scene.measures(190, ago=90 * MINUTE)
    scene.now += MINUTE
    await scene.sends(scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE))
    assert await scene.pages() == ["page_late_alert"]
