"""A late high that nothing newer contradicts: one page per patient for what comes together, with both times, and no text to the patient."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import reply
from server.monitoring import telling
from tests.flows.asking import MINUTE, TOLD, WORKER, Scene
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


CHAINS = "SELECT u.code, e.severity FROM escalation e JOIN alert a ON a.id = e.id JOIN rule u ON u.id = a.rule_id ORDER BY code"


@pytest.mark.parametrize("together", [True, False], ids=["one message", "two messages"])
async def test_late_highs_that_one_page_told_of_climb_like_a_high_each(scene: Scene, together: bool) -> None:
    highs = [scene.pressure(190, ago=90 * MINUTE), scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE)]
    for entries in [highs] if together else [[one] for one in highs]:
        await scene.sends(*entries)
        scene.now += MINUTE
    await tick(scene.worker_db, scene.now)
    assert [tuple(row) for row in await scene.owner.fetch(CHAINS)] == [("bp_high", "high"), ("glucose_low", "high")]
    assert await scene.pages() == ["page_late_alert"], "the nurse was told of both"
    await tick(scene.worker_db, scene.now + 5 * MINUTE)
    after = await scene.owner.fetch(
        "SELECT alert_id FROM message WHERE purpose = 'page' AND wording <> 'page_late_alert'"
    )
    assert len({row["alert_id"] for row in after}) == 2, "after five minutes the backup is told of each"


async def test_a_late_high_that_a_newer_reading_contradicts_climbs_like_a_medium_beside_one_that_was_paged(
    scene: Scene,
) -> None:
    await scene.sends(
        scene.pressure(190, ago=90 * MINUTE),
        scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE),
        scene.entry(kind="glucose", glucose=100, ago=40 * MINUTE),
    )
    await tick(scene.worker_db, scene.now + SECOND)
    assert [tuple(row) for row in await scene.owner.fetch(CHAINS)] == [("bp_high", "high"), ("glucose_low", "medium")]


async def test_who_answers_the_page_takes_one_alert_and_then_the_other(scene: Scene) -> None:
    await scene.sends(scene.pressure(190, ago=90 * MINUTE), scene.entry(kind="glucose", glucose=45, ago=60 * MINUTE))
    number = await scene.owner.fetchval("UPDATE message SET status = 'sent' RETURNING to_number")
    async with scene.worker_db.transaction(WORKER) as db:
        lines = await telling.of(db, [row["id"] for row in await scene.owner.fetch("SELECT id FROM alert")])
    assert [len(one.paged) for one in lines.values()] == [1, 1]
    for left in (1, 0):
        text = Inbound(sid=f"SM{uuid7()}", from_number=number, to_number=scene.world.sender, body="1")
        await reply.handle(scene.worker_db, WORKER, scene.world.organization, text, scene.now, TOLD)
        assert await count(scene.owner, "alert", "status = 'open'") == left


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
