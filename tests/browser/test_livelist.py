"""A list that renews itself loses no click: not while a renewal is on its way, not under a finger, not one of several."""

import asyncio
from typing import Any

from playwright.async_api import Browser, Page, Route, expect

from tests.browser.test_journey import _page, _sign_in
from tests.web.people import alert, staff_login
from tests.web.serving import Serving
from tests.world import World


async def _worklist(browser: Browser, web: Serving, owner: Any, world: World) -> tuple[Page, list[str]]:
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page, complaints


async def _statuses(owner: Any) -> dict[str, int]:
    return {
        row["status"]: row["n"] for row in await owner.fetch("SELECT status, count(*) AS n FROM alert GROUP BY status")
    }


async def test_a_click_while_the_list_is_fetched_is_not_lost(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    await alert(owner, world, 85, 50, "medium", "bp_low")
    page, complaints = await _worklist(browser, web, owner, world)
    fetching, clicked = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        fetching.set()
        await clicked.wait()
        await route.continue_()

    await page.route("**/worklist/list*", slowly)
    await alert(owner, world)
    await asyncio.wait_for(fetching.wait(), 5)
    await page.get_by_role("button", name="Acknowledge bp_low").click()  # a fetch before may have brought the other
    clicked.set()
    await expect(page.get_by_text("taken by Nurse Aspen")).to_be_visible()
    await expect(page.locator("[data-item]")).to_have_count(2)
    assert await _statuses(owner) == {"acknowledged": 1, "open": 1}
    assert complaints == []


async def test_what_comes_while_a_button_is_pressed_is_shown_when_it_is_let_go(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    await alert(owner, world, 85, 50, "medium", "bp_low")
    page, complaints = await _worklist(browser, web, owner, world)
    await page.get_by_role("button", name="Acknowledge").hover()
    async with page.expect_response("**/worklist/list*"):
        await page.mouse.down()
        await alert(owner, world)
    await page.wait_for_timeout(200)  # long enough to be shown, were it shown
    await page.mouse.up()
    await expect(page.get_by_text("taken by Nurse Aspen")).to_be_visible()
    await expect(page.locator("[data-item]")).to_have_count(2)
    await expect(page.locator("#announce")).to_contain_text("high: Pat Aspen, bp_high")
    assert await _statuses(owner) == {"acknowledged": 1, "open": 1}
    assert complaints == []


async def test_three_outcomes_given_faster_than_the_net_carries_them_all_arrive(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    for systolic, rule in ((192, "bp_high"), (85, "bp_low"), (150, "spo2_low")):
        await alert(owner, world, systolic, 60, "medium", rule)
    page, complaints = await _worklist(browser, web, owner, world)
    await expect(page.locator("[data-item]")).to_have_count(3)
    given = asyncio.Event()

    async def slowly(route: Route) -> None:
        await given.wait()
        await route.continue_()

    await page.route("**/resolve", slowly)
    for _ in range(3):
        for key in ("j", "r", "1", "Enter"):
            await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_have_count(0)
    given.set()
    await expect(page.get_by_text("Nothing waits.")).to_be_visible()
    assert await _statuses(owner) == {"resolved": 3}
    assert complaints == []
