"""A patient sees nothing of anybody else, also where our own code would forget to ask: the database hides it."""

from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.db.pool import Database, Who
from server.gaps import reports
from server.monitoring import series
from server.people import consent, letters, patients, preferences
from tests.portal.home import Home
from tests.portal.test_pages import PAGES, status_of
from tests.world import World, make_world

Client = AsyncTestClient[Litestar]
POSTS = ("/portal/language", "/portal/texts")


async def furnish(home: Home, patient: Any) -> Any:
    """Everything the portal could show, of one patient, recognisable."""
    await home.measured("blood_pressure", patient=patient, systolic_mmhg=177, diastolic_mmhg=99, pulse_bpm=133)
    await home.measured("glucose", patient=patient, glucose_mgdl=233)
    await home.text("Secret of the neighbour", patient=patient)
    return await home.gap("CMS125", patient=patient)


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_shows_another_patient_of_the_same_organization(portal: Client, home: Home, path: str) -> None:
    neighbour = await home.neighbour()
    gap = await furnish(home, neighbour)
    page = (await portal.get(path)).text
    for secret in ("177/99", "133", "233", "Secret of the neighbour", "mammogram", "Nextdoor", "0999", str(gap)):
        assert secret not in page


async def test_nothing_of_another_patient_can_be_changed(portal: Client, home: Home, owner: Any) -> None:
    neighbour = await home.neighbour()
    gap = await furnish(home, neighbour)
    reported = await home.gap("CMS130", "awaiting_evidence", patient=neighbour)
    for path in (f"/portal/gaps/{gap}/done", f"/portal/gaps/{reported}/undo"):
        answer = await portal.post(path)
        assert answer.headers["location"] == "/portal?said=unchanged#todo"  # as if it did not exist
    assert await status_of(owner, gap) == "open"
    assert await status_of(owner, reported) == "awaiting_evidence"


async def test_the_database_hides_the_neighbour_even_when_asked_by_id(
    home: Home, web_db: Database, world: World
) -> None:
    neighbour = await home.neighbour()
    gap = await furnish(home, neighbour)
    who = Who(principal=f"patient:{world.patient}", organization=world.organization, patient=world.patient)
    async with web_db.transaction(who) as db:
        now = await db.fetchval("SELECT now()")
        assert await patients.get(db, neighbour) is None
        assert await series.since(db, neighbour, now - timedelta(days=9), now) == []
        assert await series.latest(db, neighbour, now - timedelta(days=9), now) == []
        assert await reports.of(db, neighbour, now.date()) == []
        assert await letters.newest(db, neighbour, 50) == []
        assert await consent.current(db, neighbour, now) == []
        assert not await reports.report_done(db, neighbour, gap, now)
        assert not await reports.withdraw(db, neighbour, gap)
        assert not await preferences.speak(db, neighbour, "es")
        assert await db.fetchval("SELECT count(*) FROM staff") == 0


async def test_nor_of_another_organization(portal: Client, owner: Any, home: Home) -> None:
    other = Home(owner, await make_world(owner, "Birch"))
    gap = await furnish(other, other.world.patient)
    for path in PAGES:
        page = (await portal.get(path)).text
        assert "177/99" not in page
        assert "Birch" not in page
    await portal.post(f"/portal/gaps/{gap}/done")
    assert await status_of(owner, gap) == "open"


@pytest.mark.parametrize("path", PAGES)
async def test_staff_do_not_come_in(web: Client, home: Home, world: World, owner: Any, path: str) -> None:
    web.cookies.update(await home.cookie(staff=world.nurse))
    assert (await web.get(path)).status_code == 403
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE allowed AND action LIKE 'portal%'") == 0


@pytest.mark.parametrize("path", POSTS)
async def test_staff_change_nothing_here(web: Client, home: Home, world: World, owner: Any, path: str) -> None:
    web.cookies.update(await home.cookie(staff=world.nurse))
    data = {"language": "es", "topic": "monitoring", "wanted": "no"}
    assert (await web.post(path, data=data)).status_code == 403
    gap = await home.gap("CMS125")
    assert (await web.post(f"/portal/gaps/{gap}/done")).status_code == 403
    assert await status_of(owner, gap) == "open"
    assert await owner.fetchval("SELECT language FROM patient") == "en"


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_signed_in_is_sent_to_sign_in(web: Client, path: str) -> None:
    answer = await web.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_another_sites_page_cannot_send_our_forms(portal: Client, home: Home, owner: Any) -> None:
    gap = await home.gap("CMS125")
    answer = await portal.post(f"/portal/gaps/{gap}/done", headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert await status_of(owner, gap) == "open"


async def test_a_patient_does_not_come_into_the_staffs_pages(portal: Client, home: Home) -> None:
    for path in ("/worklist", f"/patients/{home.world.patient}"):
        assert (await portal.get(path)).status_code in {403, 404}
