"""The alert's own page, snoozes and keys in a real browser: with script and without, on desk and phone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.web.people import alert, reading, staff_login
from tests.web.serving import Serving
from tests.world import World

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)


async def fill(owner: Any, world: World) -> tuple[Any, Any]:
    """(a high alert with a calm reading after it, a medium one) of a patient with two weeks of readings."""
    now = datetime.now(UTC)
    for day in range(1, 14):
        await reading(owner, world, 128 + day * 7 % 15, 78 + day * 3 % 9, now - day * 24 * HOUR)
    high = await alert(owner, world, opened=now - 2 * HOUR)
    medium = await alert(owner, world, 85, 50, "medium", "bp_low", now - 5 * HOUR)
    await reading(owner, world, 132, 84)
    return high, medium


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_the_pages_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    high, medium = await fill(owner, world)
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web, width, height)
    await _sign_in(page, login)
    await expect(page.get_by_text("Lower to medium?")).to_be_visible()
    await owner.execute(
        """INSERT INTO snooze (id, organization_id, patient_id, alert_id, severity, staff_id, reason, note, starts_at, ends_at)
           SELECT gen_random_uuid(), organization_id, patient_id, id, severity, $2, 'call_arranged', 'rings at five', now(),
                  now() + interval '24 hours' FROM alert WHERE id = $1""",
        medium, world.nurse,
    )  # fmt: skip
    for path in ("/worklist", f"/alerts/{world.patient}/{high}", f"/alerts/{world.patient}/{medium}", "/snoozes"):
        await page.goto(path)
        for summary in await page.locator("main details > summary").all():
            await summary.click()
        await _check(page)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide at {width} px"
    assert complaints == []


async def test_snoozed_with_three_keys_and_woken(browser: Browser, web: Serving, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    made = await alert(owner, world, 85, 50, "medium", "bp_low")
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.keyboard.press("j")
    for key in ("s", "2", "Enter"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("heading", name="Snoozed (1)")).to_be_visible()
    await expect(page).to_have_title("Worklist · Careloop")
    row = await owner.fetchrow("SELECT reason, ends_at - starts_at AS lasts, alert_id FROM snooze")
    assert (row["reason"], row["lasts"], row["alert_id"]) == ("call_arranged", 24 * HOUR, made)
    await page.get_by_role("button", name="Wake now").click()
    await expect(page).to_have_title("(1) Worklist · Careloop")
    await page.keyboard.press("j")
    await page.keyboard.press("w")
    await expect(page).to_have_url(f"{web.base_url}/alerts/{world.patient}/{made}")
    await expect(page.get_by_text("Woken by Nurse Aspen")).to_be_visible()
    assert complaints == []


async def test_lowered_with_one_key_and_taken_back(browser: Browser, web: Serving, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    await alert(owner, world, opened=datetime.now(UTC) - HOUR)
    await reading(owner, world, 132, 84)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.keyboard.press("j")
    await page.keyboard.press("l")
    await expect(page.get_by_text("lowered by Nurse Aspen")).to_be_visible()
    await page.get_by_role("button", name="Undo lowering").click()
    await expect(page.get_by_text("Lower to medium?")).to_be_visible()
    assert complaints == []


async def test_without_script_it_is_snoozed_on_the_alerts_own_page(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    await alert(owner, world, 85, 50, "medium", "bp_low")
    context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
    page = await context.new_page()
    await _sign_in(page, login)
    await page.get_by_role("link", name="Snooze…").click()
    await page.get_by_text("Snooze…", exact=True).click()
    await page.get_by_label("A call or visit is arranged").check()
    await page.get_by_label("4 hours", exact=False).first.check()
    await page.get_by_role("button", name="Snooze", exact=True).click()
    await expect(page.get_by_role("button", name="Wake now")).to_be_visible()
    assert await owner.fetchval("SELECT ends_at - starts_at FROM snooze") == 4 * HOUR
    await context.close()


async def test_the_page_of_an_alert_says_when_somebody_took_it_meanwhile(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    made = await alert(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto(f"/alerts/{world.patient}/{made}")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.get_by_text("Resolve…").click()
    await page.get_by_label("Note").fill("half a sent")
    await owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", world.nurse)
    event = f'{{"topic":"worklist","organization":"{world.organization}","patient":"{world.patient}"}}'
    await owner.execute("SELECT pg_notify('careloop_event', $1)", event)
    await expect(page.locator("#alert-state")).to_contain_text("taken by Nurse Aspen")
    await expect(page.get_by_label("Note")).to_have_value("half a sent")
    assert complaints == []
