"""After a crisis reading the portal asks what the text asks; the answer reaches staff, whoever else may look."""

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.db.pool import Database
from tests.flows.asking import Scene, judges_temperature
from tests.portal.home import Home
from tests.world import World

Client = AsyncTestClient[Litestar]


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


async def answer(portal: Client, scene: Scene, says: str) -> int:
    question = await scene.owner.fetchval("SELECT id FROM confirmation")
    return (await portal.post(f"/portal/check/{question}", data={"answer": says})).status_code


async def test_the_question_is_at_the_top_of_the_page_and_gone_without_one(portal: Client, scene: Scene) -> None:
    assert "Please answer now" not in (await portal.get("/portal")).text
    await scene.measures(192, 124)
    page = (await portal.get("/portal")).text
    assert page.index("Please answer now") < page.index("192/124")
    assert "rest for 5 minutes" in page and "Trouble seeing or speaking" in page


async def test_of_a_high_temperature_other_signs_are_asked(portal: Client, scene: Scene) -> None:
    await judges_temperature(scene)
    await scene.sends(scene.entry(kind="temperature", temperature=39.5))
    page = (await portal.get("/portal")).text
    assert "Please answer now" in page and "Rest for 5 minutes" in page and "Stiff neck" in page


async def test_none_is_a_fact_and_can_still_become_some(portal: Client, scene: Scene) -> None:
    await scene.measures(192)
    assert await answer(portal, scene, "none") == 303
    page = (await portal.get("/portal")).text
    assert "Your care team can see your answer" in page and "No, none of these" not in page
    assert await scene.pages() == ["page_high_alert"]
    assert await answer(portal, scene, "some") == 303
    assert await scene.pages() == ["page_high_alert", "page_symptoms"]


async def test_some_pages_staff_and_says_what_to_do(portal: Client, scene: Scene) -> None:
    await scene.may_wait()
    await scene.measures(185)
    assert await scene.pages() == []
    for _ in range(3):
        assert await answer(portal, scene, "some") == 303
    assert (await scene.pages(), await scene.texts()) == (["page_symptoms"], ["ask_rest", "emergency"])
    page = (await portal.get("/portal")).text
    assert "Call 911 now" in page and "do not wait" in page.lower()
    principal = await scene.owner.fetchval("SELECT principal FROM audit WHERE action = 'confirmation.symptoms'")
    assert principal == f"patient:{scene.world.patient}"


async def test_some_after_the_alert_was_taken_is_an_alarm(portal: Client, scene: Scene) -> None:
    await scene.measures(185)
    await scene.owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", scene.world.nurse)
    assert await answer(portal, scene, "some") == 303
    assert await scene.owner.fetchval("SELECT kind FROM alarm") == "patient_in_danger"


async def test_nobody_answers_for_somebody_else(web: Client, home: Home, scene: Scene) -> None:
    await scene.measures(185)
    web.cookies.update(await home.cookie(patient=await home.neighbour()))
    assert "Please answer now" not in (await web.get("/portal")).text
    assert await answer(web, scene, "some") == 404
    assert await scene.states() == ["asked"]


async def test_it_is_asked_in_the_patients_language(portal: Client, scene: Scene) -> None:
    await scene.owner.execute("UPDATE patient SET language = 'es'")
    await scene.measures(192)
    assert "Por favor responda ahora" in (await portal.get("/portal")).text
