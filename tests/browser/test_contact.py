"""How to reach, in a real browser: no barriers on desk and phone, a code read back without script, a letter to print."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.outreach.reaching import cannot_text, opts_out, point, proxy
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.world import World


async def arranged(owner: Any, world: World) -> None:
    """Something of everything that the page can show."""
    await cannot_text(owner, world, world.patient_phone)
    await point(owner, world, "sms", "+12125557001")
    await opts_out(owner, world, "+12125557001")
    await point(owner, world, "email", "pat.with.a.long.name@mail.example.org", rank=2)
    daughter = await proxy(owner, world)
    await point(owner, world, "sms", "+12125557009", proxy_id=daughter, topics=["monitoring"], rank=3)


async def test_the_page_and_the_letter_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    await arranged(owner, world)
    login, _ = await staff_login(owner, world)
    for width, height in ((1280, 800), (390, 844)):
        page, _ = await _page(browser, web, width, height)
        await page.goto("/sign-in")
        await _sign_in(page, login)
        for path in ("contact", "letter"):
            await page.goto(f"/patients/{world.patient}/{path}")
            for summary in await page.locator("main details > summary").all():
                await summary.click()
            await _check(page)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {width} px"


async def test_a_nurse_verifies_a_number_without_script_and_prints_only_the_letter(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/sign-in")
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}")
    await page.get_by_role("link", name="How to reach").click()
    await page.get_by_role("button", name=re.compile("^Verify: send a code")).click()
    await page.get_by_label("The code they read to you").fill(await owner.fetchval("SELECT code FROM contact_code"))
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_role("status")).to_contain_text("It is verified.")
    await page.get_by_role("link", name="Letter in large print").click()
    await page.emulate_media(media="print")
    await expect(page.get_by_text("Please call us at")).to_be_visible()
    await expect(page.get_by_role("heading", name="Letter in large print")).to_be_hidden()
    await context.close()
