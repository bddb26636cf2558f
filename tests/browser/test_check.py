"""The question after a crisis reading, on a telephone and without script: seen first, easy to hit, answered once."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from server.db.pool import Database
from tests.browser.test_portal import (
    AXE,
    FINE_PRINT,
    PHONE,
    SMALL,
    WIDER,
    _serious,
    browser,
    context_of,
    home,
    pytestmark,
    site,
)  # fmt: skip
from tests.flows.asking import Scene
from tests.portal.home import Home
from tests.world import World

__all__ = ["browser", "home", "pytestmark", "site"]
SMALL_PHONE = {"width": 320, "height": 640}


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


@pytest.mark.parametrize("language", ["en", "es"])
async def test_the_question_is_answered_on_a_small_telephone_without_script(
    site: str, browser: Browser, home: Home, scene: Scene, language: str
) -> None:
    await scene.owner.execute("UPDATE patient SET language = $1", language)
    await scene.measures(192, 124)
    cookie = await home.cookie()
    for viewport in (PHONE, SMALL_PHONE):
        context = await context_of(browser, site, cookie, viewport=viewport)
        page = await context.new_page()
        await page.goto(f"{site}/portal")
        assert [await page.evaluate(look) for look in (SMALL, FINE_PRINT, WIDER)] == [[], [], 0]
        await context.close()
    context = await context_of(browser, site, cookie, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site}/portal")
    await _picture(page, f"check-{language}-open")
    await page.get_by_role("button", name={"en": "No, none of these", "es": "No, nada de esto"}[language]).click()
    await _picture(page, f"check-{language}-none")
    await page.get_by_role("button", name={"en": "Yes, I have one", "es": "Sí, tengo algo"}[language]).click()
    await _picture(page, f"check-{language}-some")
    heading = {"en": "Call 911 now", "es": "Llame al 911 ahora"}[language]
    await expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert await scene.pages() == ["page_high_alert", "page_symptoms"]


async def test_axe_finds_nothing_serious_in_the_question(site: str, browser: Browser, home: Home, scene: Scene) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    await scene.sends(scene.entry(kind="glucose", glucose=45))
    context = await context_of(browser, site, await home.cookie(), bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{site}/portal")
    assert await _serious(page) == []


async def _picture(page: Any, name: str) -> None:
    """For whoever wants to look: CARELOOP_PICTURES names a folder."""
    if folder := os.environ.get("CARELOOP_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)
