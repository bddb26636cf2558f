"""Rules in a real browser: a nurse drafts a change, watches it being compared, a clinician approves; desk and phone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from server.db.pool import Database, Who
from server.flows import compare_rule
from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.flows.test_reading import count
from tests.web.people import alert, reading, staff_login
from tests.web.serving import Serving
from tests.world import World

pytestmark = pytest.mark.browser
WORKER = Who(principal="service:worker")
DAY = timedelta(days=1)


async def _measured(owner: Any, world: World) -> None:
    now = datetime.now(UTC)
    for n in range(30):
        await reading(owner, world, 150 + (n * 7) % 45, 95, now - n * 3 * DAY - DAY)


async def test_a_change_is_drafted_compared_and_approved(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database
) -> None:
    await _measured(owner, world)
    login, _ = await staff_login(owner, world)
    second, _ = await staff_login(owner, world, "clinician", name="Cleo Clark")
    page, complaints = await _page(browser, web)
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.get_by_role("link", name="Rules").click()
    await page.get_by_role("link", name="bp_high").first.click()
    await page.get_by_role("link", name="Draft a change").click()
    await page.get_by_label("Number").nth(0).fill("170")
    await page.get_by_label("Why").fill("Two patients were called too late.")
    await page.get_by_role("button", name="Save the draft").click()
    await expect(page.get_by_text("Computing.")).to_be_visible()
    comparing = asyncio.create_task(compare_rule.compare_waiting(worker_db, WORKER, lambda: datetime.now(UTC)))
    await expect(page.get_by_text("Who would be new: 1 patient")).to_be_visible()  # the page asked again by itself
    await comparing
    address = page.url
    other, more = await _page(browser, web)
    await other.goto("/sign-in")
    await _sign_in(other, second)
    await other.goto("/rules")
    await other.get_by_role("link", name="bp_high: Two patients").click()
    assert other.url == address
    await other.get_by_role("button", name="Approve").click()
    await expect(other.get_by_text("approved by Cleo Clark").first).to_be_visible()
    assert await count(owner, "rule_version", "version = 2 AND valid_to IS NULL") == 1
    assert complaints + more == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_the_pages_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    await _measured(owner, world)
    for _ in range(6):
        made = await alert(owner, world)
        await owner.execute(
            "UPDATE alert SET status = 'resolved', resolved_at = now(), outcome = 'technical',"
            " acknowledged_at = now(), acknowledged_by = $2 WHERE id = $1", made, world.nurse,
        )  # fmt: skip
    login, _ = await staff_login(owner, world, "clinician")
    page, _ = await _page(browser, web, width, height)
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.goto("/rules")
    await page.get_by_role("button", name="Make drafts of the ticked").click()
    await compare_rule.compare_waiting(worker_db, WORKER, lambda: datetime.now(UTC))
    draft = await owner.fetchval("SELECT id FROM rule_draft WHERE rule_id = $1", world.rules["bp_high"])
    trend = await owner.fetchval("SELECT id FROM rule WHERE kind = 'trend'")
    bp, programme = world.rules["bp_high"], await owner.fetchval("SELECT programme_id FROM rule_draft LIMIT 1")
    paths = ("/rules", f"/rules/{bp}", f"/rules/{bp}/change", f"/rules/{trend}/change", f"/rules/drafts/{draft}",
             "/rules/yield", f"/rules/programmes/{programme}", f"/rules/programmes/{programme}/change")  # fmt: skip
    for path in paths:
        await page.goto(path)
        for summary in await page.locator("main details:not([open]) > summary").all():
            await summary.click()
        await _check(page)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide at {width} px"
