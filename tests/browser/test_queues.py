"""The queues in a real browser: found from the navigation, settled with a form, readable by everybody."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from server.db.pool import Database
from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.flows.test_reading import NOW, bp, publish, send
from tests.flows.test_resolve_held import hold, no_loan
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.world import World

pytestmark = pytest.mark.browser


async def _waiting(owner: Any, world: World, bridge_db: Database) -> tuple[str, str]:
    """(the held item's page, the quarantined one's): an impossible reading, one of nobody, and garbage."""
    await send(bridge_db, publish(world, b'{"kind": "mood", "seq": 7}'), publish(world, b"\xff\x00 garbage"))
    await hold(world, bridge_db, owner, bp(1, 310, 124, at=NOW - timedelta(minutes=9)))
    await no_loan(owner, world)
    held = await hold(world, bridge_db, owner, bp(2, 131, 84, at=NOW - timedelta(minutes=3), pulse=71))
    poison = await owner.fetchval("SELECT id FROM quarantine ORDER BY length(payload) DESC LIMIT 1")
    return f"/queues/held/{held}", f"/queues/quarantine/{poison}"


async def test_an_item_is_found_from_the_navigation_and_settled(
    browser: Browser, web: Serving, owner: Any, world: World, bridge_db: Database
) -> None:
    await _waiting(owner, world, bridge_db)
    login, _ = await staff_login(owner, world, "coordinator")
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    queues = page.get_by_role("link", name="Queues")
    await expect(queues).to_contain_text("4")
    await queues.click()
    await page.get_by_role("link", name="Blood pressure: 131/84 mmHg, pulse 71 /min").click()
    await page.get_by_label("Pat Aspen").check()
    await page.get_by_role("button", name="Keep this reading").click()
    await expect(page).to_have_url(f"{web.base_url}/queues?tab=held")
    await expect(page.get_by_role("link", name="Queues")).to_contain_text("3")
    assert await owner.fetchval("SELECT patient_id FROM reading") == world.patient
    assert complaints == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_every_page_of_the_queues_fits_the_screen_and_can_be_read_by_everybody(
    browser: Browser, web: Serving, owner: Any, world: World, bridge_db: Database, width: int, height: int
) -> None:
    held, poison = await _waiting(owner, world, bridge_db)
    gatt = b'{"characteristic": "2A9D", "value": "00ac3f"}'  # sent without saying so by a native device
    await send(bridge_db, publish(world, gatt), publish(world, gatt + b" "))
    await send(bridge_db, *(publish(world, bp(n, 185, at=NOW - timedelta(days=n))) for n in range(3, 9)))
    readable = await owner.fetchval("SELECT id FROM quarantine WHERE payload = $1", gatt)
    again = f"/queues/quarantine/again?device={world.device}&reason=malformed"
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web, width, height)
    await _sign_in(page, login)
    about = ("/worklist", f"/patients/{world.patient}")
    for path in ("/queues", "/queues?tab=quarantine", held, poison, f"/queues/quarantine/{readable}", again, *about):
        await page.goto(path)
        await expect(page.locator("h1")).to_be_visible()
        if AXE.exists():
            await _check(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{path} is wider than the screen"
        )
    assert complaints == []


async def test_many_are_decoded_again_from_the_quarantine(
    browser: Browser, web: Serving, owner: Any, world: World, bridge_db: Database
) -> None:
    gatt = b'{"characteristic": "2A9D", "value": "00ac3f"}'
    await send(bridge_db, publish(world, gatt), publish(world, gatt + b" "))
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto("/queues?tab=quarantine")
    await page.get_by_text("Decode many again").click()
    await page.get_by_role("link", name="See what they are now").click()
    await page.get_by_role("button", name="Decode 2 messages").click()
    await expect(page.get_by_role("status")).to_contain_text("2 messages were decoded.")
    assert await owner.fetchval("SELECT count(*) FROM reading WHERE weight_kg = 81.5") == 2
    assert complaints == []
