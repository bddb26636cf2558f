"""The portal in a real browser, held like a phone: readable, reachable by thumb, and usable without script."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from server.app import serve
from server.settings import Settings
from tests.portal.home import Home
from tests.portal.test_pages import status_of
from tests.world import World

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
PAGES = ("/portal", "/portal/history", "/portal/history?range=quarter", "/portal/messages", "/portal/settings")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]

SMALL = """
    [...document.querySelectorAll('a, button, summary, label')]
        .map(e => [e.textContent.trim(), e.getBoundingClientRect()])
        .filter(([_, r]) => r.right > 0 && r.width > 1 && r.height < 48).map(([text, _]) => text)
"""
FINE_PRINT = """
    [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('svg') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
        .filter(e => parseFloat(getComputedStyle(e).fontSize) < 18).map(e => e.textContent)
"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
async def home(owner: Any, world: World) -> Home:
    return Home(owner, world)


@pytest.fixture
async def site(settings: Settings, free_tcp_port: int) -> AsyncIterator[str]:
    """The real server on a free port; stops with the test."""
    port = free_tcp_port
    url, stop = f"http://127.0.0.1:{port}", asyncio.Event()
    serving = asyncio.create_task(serve(msgspec.structs.replace(settings, port=port, public_url=url), stop))
    await _answers(port)
    yield url
    stop.set()
    await serving


async def _answers(port: int) -> None:
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)  # the condition is the listening socket; this only yields between looks
                continue
            writer.close()
            return


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


async def context_of(browser: Browser, site: str, cookie: dict[str, str], **options: Any) -> BrowserContext:
    context = await browser.new_context(**{"viewport": PHONE, **options})
    await context.add_cookies([{"name": k, "value": v, "url": site} for k, v in cookie.items()])
    return context


async def furnish(home: Home) -> None:
    """A fortnight of pressures, a low sugar, things to do, and texts of every kind."""
    for day in range(20):
        await home.measured(
            "blood_pressure", timedelta(days=day, hours=2), systolic_mmhg=146 - day % 5, diastolic_mmhg=88, pulse_bpm=71
        )  # fmt: skip
    await home.measured("weight", timedelta(days=9), weight_kg=82.1)
    await home.measured("glucose", glucose_mgdl=52)
    await home.gap("CMS125")
    await home.gap("CMS130", "awaiting_evidence")
    for status in ("delivered", "queued", "suppressed"):
        await home.text("Please take a reading today.", status)


@pytest.mark.parametrize("language", ["en", "es"])
async def test_nothing_is_small_cut_off_or_hard_to_hit(
    site: str, browser: Browser, home: Home, owner: Any, language: str
) -> None:
    await furnish(home)
    await owner.execute("UPDATE patient SET language = $1", language)
    cookie = await home.cookie()
    # 320 is a phone at 200 % zoom of a desktop's 640, or a small old phone.
    for viewport in (PHONE, DESKTOP, {"width": 320, "height": 640}):
        context = await context_of(browser, site, cookie, viewport=viewport)
        page = await context.new_page()
        for path in PAGES:
            await page.goto(site + path)
            assert await page.evaluate(SMALL) == [], path
            assert await page.evaluate(FINE_PRINT) == [], path
            assert await page.evaluate(WIDER) == 0, path
        await context.close()


async def test_axe_finds_nothing_serious(site: str, browser: Browser, home: Home) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    await furnish(home)
    # Playwright's way around the page's own content security policy, which rightly refuses foreign script.
    context = await context_of(browser, site, await home.cookie(), bypass_csp=True)
    page = await context.new_page()
    for path in PAGES:
        await page.goto(site + path)
        assert await _serious(page) == [], path


async def _serious(page: Page) -> list[Any]:
    await page.add_script_tag(path=AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = await page.evaluate("tags => axe.run({runOnly: tags})", tags)
    return [
        (v["id"], [n["target"] for n in v["nodes"]])
        for v in found["violations"]
        if v["impact"] in {"serious", "critical"}
    ]


async def test_a_patient_reports_a_screening_without_script(
    site: str, browser: Browser, home: Home, owner: Any
) -> None:
    gap = await home.gap("CMS125")
    context = await context_of(browser, site, await home.cookie(), java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site + "/portal")
    await page.get_by_role("button", name="I have done this").click()
    await expect(page.get_by_role("status")).to_contain_text("Thank you.")
    assert await status_of(owner, gap) == "awaiting_evidence"
    await page.get_by_role("button", name="That was a mistake").click()
    await expect(page.get_by_role("button", name="I have done this")).to_be_visible()
    assert await status_of(owner, gap) == "open"


async def test_a_patient_changes_language_and_texts_and_leaves(site: str, browser: Browser, home: Home) -> None:
    context = await context_of(browser, site, await home.cookie(), java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site + "/portal/settings")
    await page.get_by_label("Español").check()
    await page.get_by_role("region", name="Language").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
    await page.get_by_role("button", name="Desactivar: Recordatorios de pruebas y chequeos").click()
    await expect(page.get_by_role("status")).to_contain_text("desactivados")
    await page.get_by_role("main").get_by_role("button", name="Salir").click()
    await page.goto(site + "/portal")
    await expect(page).to_have_url(f"{site}/sign-in?next=/portal")


async def test_nothing_comes_from_elsewhere_and_the_console_is_silent(site: str, browser: Browser, home: Home) -> None:
    await furnish(home)
    context = await context_of(browser, site, await home.cookie())
    page = await context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in PAGES:
        await page.goto(site + path)
    assert [url for url in asked if not url.startswith(site)] == []
    assert said == []
