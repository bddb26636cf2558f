"""The roster in a real browser: a coordinator fills a gap and publishes, with and without script, on desk and phone."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser

from server.db.pool import Database
from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.flows.clinic import make_clinic, open_alert, tick
from tests.flows.test_reading import count
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.world import World

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_the_roster_and_the_worklist_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    clinic = await make_clinic(owner, world)
    now = await owner.fetchval("SELECT now()")
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", now - 2 * HOUR, now + 6 * HOUR)
    await owner.execute("INSERT INTO time_off VALUES (gen_random_uuid(), $1, $2, $3, $4)",
        world.organization, clinic.backup, now, now + 3 * HOUR)  # fmt: skip
    await open_alert(owner, world, now - HOUR / 10)
    for at in (now - HOUR / 10, now):
        await tick(worker_db, at)
    login, _ = await staff_login(owner, world, "coordinator")
    page, _ = await _page(browser, web, width, height)
    await page.goto("/sign-in")
    await _sign_in(page, login)
    for path in ("/worklist", "/roster"):
        await page.goto(path)
        for summary in await page.locator("main details > summary").all():
            await summary.click()
        await _check(page)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide at {width} px"


async def test_a_gap_is_named_filled_and_the_week_published_without_script(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world, "coordinator")
    now = await owner.fetchval("SELECT now()")
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", now - 48 * HOUR, now - HOUR)
    await owner.execute("INSERT INTO monitored_hours SELECT $1, n, 480, 480, $2 FROM generate_series(0, 6) AS n",
        world.team, world.organization)  # fmt: skip
    await owner.execute("UPDATE monitored_hours SET closes_minute = 1020 WHERE weekday = 2")
    await owner.execute("UPDATE team SET fallback_id = $1 WHERE id = $2", world.nurse, world.team)
    context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.goto("/roster")
    await page.get_by_role("link", name="Week after").click()
    assert await page.get_by_text("Wed").filter(has_text="08:00 to Wed").count() >= 1
    await page.get_by_role("button", name="Publish this week").click()
    assert "nobody is on shift Wed" in await page.get_by_role("alert").inner_text()
    monday = await page.locator("#add-day").input_value()
    wednesday = await owner.fetchval("SELECT ($1::text::date + 2)::text", monday)
    await page.locator("#add-day").fill(wednesday)
    await page.get_by_role("button", name="Add shift").click()
    await page.get_by_role("button", name="Publish this week").click()
    assert await page.get_by_text("Published by Coordinator Test").count() == 1
    assert await count(owner, "roster_week") == 1
    await context.close()
