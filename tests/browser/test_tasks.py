"""Tasks in a real browser: with keys on a live page, and without script through a task's own page."""

from typing import Any

from playwright.async_api import Browser, expect

from server.db.pool import Database
from tests.browser.test_journey import _page, _sign_in
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.web.test_tasks import task
from tests.world import World


async def test_a_task_comes_by_itself_is_taken_closed_and_undone_with_keys(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database
) -> None:
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto("/tasks")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await expect(page.get_by_text("Nothing to do.")).to_be_visible()
    await task(worker_db, world, "Call about the check.", "call_for_gap")
    line = page.locator("[data-task]")
    await expect(line).to_contain_text("Call about the check.", timeout=10_000)
    await page.keyboard.press("j")
    await page.keyboard.press("t")
    await expect(line).to_contain_text("taken by you")
    await expect(line).to_have_attribute("data-chosen", "")  # the keys hear again
    await page.keyboard.press("c")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("2")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nothing to do.")).to_be_visible()
    await expect(page.get_by_text("Left a message")).to_have_count(2)  # in the list, and in the dialog
    await page.get_by_role("button", name="Undo").click()
    await expect(line).to_have_count(1)
    assert await owner.fetchval("SELECT closed_at IS NULL FROM task")
    assert complaints == []


async def test_without_script_a_task_is_closed_on_its_own_page(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database
) -> None:
    login, _ = await staff_login(owner, world)
    await task(worker_db, world, "Ask for another number.")
    context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.goto("/tasks")
    await page.get_by_role("button", name="Take").click()
    await page.get_by_role("link", name="Close…").click()
    await page.get_by_label("Number or record corrected").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nothing to do.")).to_be_visible()
    assert await owner.fetchval("SELECT outcome FROM task") == "corrected"
    await context.close()
