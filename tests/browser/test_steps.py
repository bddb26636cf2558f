"""The steps of telling in a real browser, without script: one drafts, another approves; and a call is taken by hand."""

import os
from typing import Any

import pytest
from playwright.async_api import Browser

from server.db.pool import Database
from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.flows.clinic import make_clinic, open_alert, tick
from tests.flows.test_reading import count
from tests.texting import Phones, message, phones, put, send_all
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.world import World

__all__ = ["phones"]


async def _picture(page: Any, name: str) -> None:
    """Kept when somebody wants to look: CARELOOP_PICTURES names a folder."""
    if folder := os.environ.get("CARELOOP_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_the_steps_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    await make_clinic(owner, world)
    await tick(worker_db, await owner.fetchval("SELECT now()"))
    login, _ = await staff_login(owner, world, "admin")
    page, _ = await _page(browser, web, width, height)
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.goto("/steps")
    await page.get_by_role("button", name="Save as a draft").click()
    await page.locator("#after-1").fill("4")
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_text("after 4 minutes: backup, by text").wait_for()
    for path in (None, "/roster", "/steps?severity=low"):
        if path:
            await page.goto(path)
        for summary in await page.locator("main details > summary").all():
            await summary.click()
        await _check(page)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide at {width} px"
        await _picture(page, f"steps-{width}-{(path or 'preview').strip('/').replace('?', '-')}")


async def test_one_drafts_and_another_approves_without_script(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database
) -> None:
    await make_clinic(owner, world)
    await tick(worker_db, await owner.fetchval("SELECT now()"))
    logins = [(await staff_login(owner, world, role))[0] for role in ("coordinator", "clinician")]
    for login in logins:
        context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
        page = await context.new_page()
        await page.goto("/sign-in")
        await _sign_in(page, login)
        if login == logins[0]:
            await page.goto("/roster")
            await page.get_by_role("link", name="See or change the steps").click()
            await page.get_by_role("link", name="All teams").click()
            second = page.get_by_role("group", name="Step 2", exact=True)
            await second.get_by_label("After").fill("0")
            await page.get_by_role("button", name="Save as a draft").click()
            assert "Each step comes later" in await page.get_by_role("alert").inner_text()
            await second.get_by_label("After").fill("4")
            await second.get_by_label("How").select_option("voice")
            await page.get_by_role("button", name="Save as a draft").click()
            assert await page.get_by_role("button", name="Approve").count() == 0
        else:
            await page.get_by_role("link", name="Steps").click()
            assert await page.get_by_text("after 4 minutes: backup, by call").count() == 1
            await page.get_by_role("button", name="Approve: counts from now on").click()
            assert await page.get_by_text("Approved by Clinician Test").count() == 1
        await context.close()
    assert (
        await count(owner, "escalation_step", "valid_from IS NOT NULL AND valid_to IS NULL AND channel = 'voice'") == 1
    )


async def test_a_call_is_picked_up_and_taken_by_hand(
    browser: Browser, owner: Any, world: World, worker_db: Database, phones: Phones
) -> None:
    now = await owner.fetchval("SELECT now()")
    alert = await open_alert(owner, world, now)
    words = "Careloop. A high alert is waiting. Press 1 to take it."
    call = message(world, channel="voice", alert_id=alert, body=words, created_at=now, not_before=now)
    await put(worker_db, call)
    await send_all(worker_db, phones.gateway(), now)
    page = await (await browser.new_context(base_url=phones.url)).new_page()
    await page.goto("/")
    await page.get_by_role("button", name="Pick up").click()
    await page.get_by_text("A high alert is waiting").wait_for()
    await _picture(page, "phones")
    await page.get_by_role("button", name="Press 1").click()
    await page.get_by_text("You have taken it").wait_for()
    assert await owner.fetchval("SELECT status FROM alert") == "acknowledged"
